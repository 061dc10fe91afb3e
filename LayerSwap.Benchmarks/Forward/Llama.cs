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
        TokenBatch batch = new(prompts);
        List<Matrix> states = [];
        Continue(states, batch);
        return Logits(states[^1], [.. batch.Starts[1..].Select(end => end - 1)]);
    }

    /// <summary>
    /// Adds the missing activations, (features, tokens): <c>states[0]</c> are the embedded tokens, <c>states[l + 1]</c> the output of
    /// layer l.
    /// </summary>
    public void Continue(List<Matrix> states, TokenBatch batch)
    {
        if (states.Count == 0)
        {
            states.Add(Embed(batch.Tokens));
        }

        while (states.Count <= _layers.Length)
        {
            states.Add(Apply(_layers[states.Count - 1], states[^1], batch));
        }
    }

    /// <summary>Computes the logits at some columns of the last layer's output, (columns, vocabulary).</summary>
    public float[][] Logits(Matrix state, int[] columns)
    {
        using Matrix last = new(_config.Hidden, columns.Length);
        for (int row = 0; row < _config.Hidden; row++)
        {
            for (int c = 0; c < columns.Length; c++)
            {
                last[row][c] = state[row][columns[c]];
            }
        }

        using Matrix normalized = Normalize(last, _norm), logits = _head.Multiply(normalized);
        float[][] result = [.. columns.Select(_ => new float[logits.Rows])];
        for (int row = 0; row < logits.Rows; row++)
        {
            for (int c = 0; c < columns.Length; c++)
            {
                result[c][row] = logits[row][c];
            }
        }

        return result;
    }

    /// <summary>Counts the activations that another model has too: the embedding and the first layers with equal bytes.</summary>
    public int CountSharedStates(Llama other)
    {
        if (_config != other._config || !_embedding.HasSameBytes(other._embedding))
        {
            return 0;
        }

        int layer = 0;
        while (layer < _layers.Length && _layers[layer].HasSameBytes(other._layers[layer]))
        {
            layer++;
        }

        return layer + 1;
    }

    private Matrix Apply(Layer layer, Matrix input, TokenBatch batch)
    {
        (Matrix, Matrix) angles = batch.Angles(_config);
        Matrix state = input.Copy();
        using (Matrix normalized = Normalize(state, layer.AttentionNorm))
        using (Matrix query = layer.Query.Multiply(normalized))
        using (Matrix key = layer.Key.Multiply(normalized))
        using (Matrix value = layer.Value.Multiply(normalized))
        {
            Rotate(query, _config.Heads, angles);
            Rotate(key, _config.KeyValueHeads, angles);
            using Matrix attended = Attend(query, key, value, batch.Starts);
            using Matrix output = layer.Output.Multiply(attended);
            Add(state, output);
        }

        using (Matrix normalized = Normalize(state, layer.FeedForwardNorm))
        using (Matrix gate = layer.Gate.Multiply(normalized))
        using (Matrix up = layer.Up.Multiply(normalized))
        {
            Silu(gate.Values);
            TensorPrimitives.Multiply<float>(gate.Values, up.Values, gate.Values);
            using Matrix output = layer.Down.Multiply(gate);
            Add(state, output);
        }

        return state;
    }

    private Matrix Embed(int[] tokens)
    {
        Matrix state = new(_config.Hidden, tokens.Length);
        for (int t = 0; t < tokens.Length; t++)
        {
            float[] features = _embedding.Values(checked(tokens[t] * _config.Hidden), _config.Hidden);
            for (int row = 0; row < _config.Hidden; row++)
            {
                state[row][t] = features[row];
            }
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
        TensorPrimitives.Add<float>(state.Values, residual.Values, state.Values);

    /// <summary>Computes <c>x / (1 + exp(-x))</c> in place.</summary>
    private static void Silu(Span<float> values)
    {
        const int Step = 1024;
        Span<float> sigmoid = stackalloc float[Step];
        for (int i = 0; i < values.Length; i += Step)
        {
            Span<float> part = values[i..Math.Min(values.Length, i + Step)];
            TensorPrimitives.Sigmoid<float>(part, sigmoid);
            TensorPrimitives.Multiply<float>(part, sigmoid[..part.Length], part);
        }
    }

    private sealed class Layer(ICheckpoint checkpoint, string prefix)
    {
        private readonly Weight _attentionNorm = new(checkpoint, prefix + "input_layernorm.weight");
        private readonly Weight _feedForwardNorm = new(checkpoint, prefix + "post_attention_layernorm.weight");

        public float[] AttentionNorm => _attentionNorm.Values();

        public float[] FeedForwardNorm => _feedForwardNorm.Values();

        public Weight Query { get; } = new(checkpoint, prefix + "self_attn.q_proj.weight");

        public Weight Key { get; } = new(checkpoint, prefix + "self_attn.k_proj.weight");

        public Weight Value { get; } = new(checkpoint, prefix + "self_attn.v_proj.weight");

        public Weight Output { get; } = new(checkpoint, prefix + "self_attn.o_proj.weight");

        public Weight Gate { get; } = new(checkpoint, prefix + "mlp.gate_proj.weight");

        public Weight Up { get; } = new(checkpoint, prefix + "mlp.up_proj.weight");

        public Weight Down { get; } = new(checkpoint, prefix + "mlp.down_proj.weight");

        private Weight[] Weights => [_attentionNorm, _feedForwardNorm, Query, Key, Value, Output, Gate, Up, Down];

        public bool HasSameBytes(Layer other) => Weights.Zip(other.Weights).All(pair => pair.First.HasSameBytes(pair.Second));
    }
}
