namespace LayerSwap.Benchmarks.Forward;

/// <summary>Sequences of tokens that go through a model together, one after another in the columns of its activations.</summary>
internal sealed class TokenBatch
{
    private (LlamaConfig Config, Matrix Cosine, Matrix Sine)? _angles;

    public TokenBatch(IReadOnlyList<int[]> sequences)
    {
        Tokens = [.. sequences.SelectMany(s => s)];
        Starts = new int[sequences.Count + 1];
        for (int s = 0; s < sequences.Count; s++)
        {
            Starts[s + 1] = Starts[s] + sequences[s].Length;
        }
    }

    public int[] Tokens { get; }

    /// <summary>The column of the first token of each sequence, and the number of columns at the end.</summary>
    public int[] Starts { get; }

    public int Count => Starts.Length - 1;

    /// <summary>Returns the cosine and sine of the rotary angles, (half the head size, tokens); computed once.</summary>
    public (Matrix Cosine, Matrix Sine) Angles(LlamaConfig config)
    {
        if (_angles is not { } angles || angles.Config != config)
        {
            (Matrix cosine, Matrix sine) = ComputeAngles(config);
            _angles = angles = (config, cosine, sine);
        }

        return (angles.Cosine, angles.Sine);
    }

    private (Matrix Cosine, Matrix Sine) ComputeAngles(LlamaConfig config)
    {
        int half = config.HeadSize / 2;
        Matrix cosine = new(half, Tokens.Length), sine = new(half, Tokens.Length);
        for (int i = 0; i < half; i++)
        {
            double frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadSize);
            for (int s = 0; s < Count; s++)
            {
                for (int t = Starts[s]; t < Starts[s + 1]; t++)
                {
                    (double y, double x) = Math.SinCos((t - Starts[s]) * frequency);
                    (sine[i][t], cosine[i][t]) = ((float)y, (float)x);
                }
            }
        }

        return (cosine, sine);
    }
}
