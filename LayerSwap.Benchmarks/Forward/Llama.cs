using System.Numerics.Tensors;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>
/// The forward pass of a <c>LlamaForCausalLM</c> in float32, over any checkpoint, also one computed on demand: RMSNorm, rotary positions,
/// grouped-query attention, SwiGLU, tied or untied head. Weights keep their stored dtype. Activations are (features, tokens).
/// It only measures merges; LayerSwap itself runs no models.
/// </summary>
internal sealed class Llama
{
    private readonly LlamaConfig _config;
    private readonly Weight _embedding;
    private readonly float[] _norm;
    private readonly Weight _head;
    private readonly Layer[] _layers;

    private Llama(ICheckpoint checkpoint)
    {
        _config = LlamaConfig.Read(checkpoint);
        _embedding = new Weight(checkpoint, "model.embed_tokens.weight");
        _norm = new Weight(checkpoint, "model.norm.weight").Values();
        _head = checkpoint.Find("lm_head.weight") is null ? _embedding : new Weight(checkpoint, "lm_head.weight");
        _layers = [.. Enumerable.Range(0, _config.Layers).Select(l => new Layer(checkpoint, $"model.layers.{l}."))];
    }

    public static Llama Load(ICheckpoint checkpoint) => new(checkpoint);

    /// <summary>Computes the logits after the last token of each prompt, (prompts, vocabulary).</summary>
    public float[][] LastLogits(IReadOnlyList<int[]> prompts)
    {
        int[] starts = new int[prompts.Count + 1];
        for (int p = 0; p < prompts.Count; p++)
        {
            starts[p + 1] = starts[p] + prompts[p].Length;
        }

        Matrix state = Embed(prompts, starts[^1]);
        (Matrix, Matrix) angles = Angles(starts);
        for (int l = 0; l < _layers.Length; l++)
        {
            Layer layer = _layers[l];
            Matrix normalized = Normalize(state, layer.AttentionNorm);
            Matrix query = layer.Query.Multiply(normalized);
            Matrix key = layer.Key.Multiply(normalized);
            Matrix value = layer.Value.Multiply(normalized);
            Rotate(query, _config.Heads, angles);
            Rotate(key, _config.KeyValueHeads, angles);
            Add(state, layer.Output.Multiply(Attend(query, key, value, starts)));
            normalized = Normalize(state, layer.FeedForwardNorm);
            Matrix gate = layer.Gate.Multiply(normalized), up = layer.Up.Multiply(normalized);
            Silu(gate.Data);
            TensorPrimitives.Multiply<float>(gate.Data, up.Data, gate.Data);
            Add(state, layer.Down.Multiply(gate));
        }

        Matrix last = new(_config.Hidden, prompts.Count);
        for (int row = 0; row < _config.Hidden; row++)
        {
            for (int p = 0; p < prompts.Count; p++)
            {
                last[row][p] = state[row][starts[p + 1] - 1];
            }
        }

        Matrix logits = _head.Multiply(Normalize(last, _norm));
        return
        [
            .. Enumerable.Range(0, prompts.Count)
                .Select(p => Enumerable.Range(0, logits.Rows).Select(r => logits[r][p]).ToArray()),
        ];
    }

    private Matrix Embed(IReadOnlyList<int[]> prompts, int tokens)
    {
        Matrix state = new(_config.Hidden, tokens);
        int token = 0;
        foreach (int id in prompts.SelectMany(p => p))
        {
            float[] features = _embedding.Values(checked(id * _config.Hidden), _config.Hidden);
            for (int row = 0; row < _config.Hidden; row++)
            {
                state[row][token] = features[row];
            }

            token++;
        }

        return state;
    }

    /// <summary>Computes <c>x / sqrt(mean(x^2) + eps) * weight</c> for each token.</summary>
    private Matrix Normalize(Matrix state, float[] weight)
    {
        float[] scale = new float[state.Stride], square = new float[state.Stride];
        for (int row = 0; row < state.Rows; row++)
        {
            TensorPrimitives.Multiply<float>(state[row], state[row], square);
            TensorPrimitives.Add<float>(scale, square, scale);
        }

        TensorPrimitives.Divide(scale, (float)state.Rows, scale);
        TensorPrimitives.Add(scale, _config.NormEpsilon, scale);
        TensorPrimitives.ReciprocalSqrt<float>(scale, scale);
        Matrix output = new(state.Rows, state.Tokens);
        for (int row = 0; row < state.Rows; row++)
        {
            TensorPrimitives.Multiply<float>(state[row], scale, output[row]);
            TensorPrimitives.Multiply(output[row], weight[row], output[row]);
        }

        return output;
    }

    /// <summary>Computes the cosine and sine of the rotary angles, (half the head size, tokens).</summary>
    private (Matrix Cosine, Matrix Sine) Angles(int[] starts)
    {
        int half = _config.HeadSize / 2;
        Matrix cosine = new(half, starts[^1]), sine = new(half, starts[^1]);
        for (int i = 0; i < half; i++)
        {
            double frequency = Math.Pow(_config.RopeTheta, -2.0 * i / _config.HeadSize);
            for (int p = 0; p + 1 < starts.Length; p++)
            {
                for (int t = starts[p]; t < starts[p + 1]; t++)
                {
                    (double s, double c) = Math.SinCos((t - starts[p]) * frequency);
                    (sine[i][t], cosine[i][t]) = ((float)s, (float)c);
                }
            }
        }

        return (cosine, sine);
    }

    /// <summary>Applies rotary positions: rotates each feature of a head's first half with its partner in the second.</summary>
    private void Rotate(Matrix matrix, int heads, (Matrix Cosine, Matrix Sine) angles)
    {
        int half = _config.HeadSize / 2;
        for (int i = 0; i < half; i++)
        {
            ReadOnlySpan<float> cosine = angles.Cosine[i], sine = angles.Sine[i];
            for (int head = 0; head < heads; head++)
            {
                int row = (head * _config.HeadSize) + i;
                Span<float> first = matrix[row], second = matrix[row + half];
                for (int t = 0; t < matrix.Tokens; t++)
                {
                    float x = first[t], y = second[t];
                    first[t] = (x * cosine[t]) - (y * sine[t]);
                    second[t] = (y * cosine[t]) + (x * sine[t]);
                }
            }
        }
    }

    /// <summary>Computes causal attention within each prompt. Several query heads share a key head.</summary>
    private Matrix Attend(Matrix query, Matrix key, Matrix value, int[] starts)
    {
        Matrix output = new(query.Rows, query.Tokens);
        int size = _config.HeadSize, groupSize = _config.Heads / _config.KeyValueHeads;
        float scale = 1 / MathF.Sqrt(size);
        int longest = Enumerable.Range(0, starts.Length - 1).Max(p => starts[p + 1] - starts[p]);
        // The slack after the scores is zero: kernels read whole vectors.
        float[] scores = new float[longest + Matrix.Slack], features = new float[size];
        for (int head = 0; head < _config.Heads; head++)
        {
            int q = head * size, k = head / groupSize * size;
            for (int p = 0; p + 1 < starts.Length; p++)
            {
                for (int t = starts[p]; t < starts[p + 1]; t++)
                {
                    int seen = t - starts[p] + 1;
                    for (int i = 0; i < size; i++)
                    {
                        features[i] = query[q + i][t] * scale;
                    }

                    key.SumFeatures(k, starts[p], features, scores.AsSpan(0, seen));
                    TensorPrimitives.SoftMax<float>(scores.AsSpan(0, seen), scores.AsSpan(0, seen));
                    scores.AsSpan(seen, Matrix.Slack).Clear();
                    value.SumTokens(k, starts[p], scores.AsSpan(0, seen), features);
                    for (int i = 0; i < size; i++)
                    {
                        output[q + i][t] = features[i];
                    }
                }
            }
        }

        return output;
    }

    private static void Add(Matrix state, Matrix residual) =>
        TensorPrimitives.Add<float>(state.Data, residual.Data, state.Data);

    /// <summary>Computes <c>x / (1 + exp(-x))</c> in place.</summary>
    private static void Silu(float[] values)
    {
        float[] sigmoid = new float[values.Length];
        TensorPrimitives.Sigmoid<float>(values, sigmoid);
        TensorPrimitives.Multiply<float>(values, sigmoid, values);
    }

    private sealed class Layer(ICheckpoint checkpoint, string prefix)
    {
        public float[] AttentionNorm { get; } = new Weight(checkpoint, prefix + "input_layernorm.weight").Values();

        public float[] FeedForwardNorm { get; } = new Weight(checkpoint, prefix + "post_attention_layernorm.weight").Values();

        public Weight Query { get; } = new(checkpoint, prefix + "self_attn.q_proj.weight");

        public Weight Key { get; } = new(checkpoint, prefix + "self_attn.k_proj.weight");

        public Weight Value { get; } = new(checkpoint, prefix + "self_attn.v_proj.weight");

        public Weight Output { get; } = new(checkpoint, prefix + "self_attn.o_proj.weight");

        public Weight Gate { get; } = new(checkpoint, prefix + "mlp.gate_proj.weight");

        public Weight Up { get; } = new(checkpoint, prefix + "mlp.up_proj.weight");

        public Weight Down { get; } = new(checkpoint, prefix + "mlp.down_proj.weight");
    }
}
