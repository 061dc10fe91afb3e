using System.Numerics.Tensors;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>
/// Answers the same problems with one model after another. A model that begins with the same layers as the previous one starts from
/// that one's activations: many layer swaps differ in few layers.
/// </summary>
internal sealed class Evaluator
{
    /// <summary>Small enough for the activations of a layer to stay in the processor's cache.</summary>
    private const int BatchSize = 16;

    private readonly Problem[][] _problems;
    private readonly TokenBatch[] _batches;
    private readonly List<Matrix>[] _states;
    private Llama? _previous;

    public Evaluator(Problem[] problems)
    {
        _problems = [.. problems.Chunk(BatchSize)];
        // The last token of an answer is compared, and never read.
        _batches = [.. _problems.Select(c => new TokenBatch([.. c.Select(p => (int[])[.. p.Prompt, .. p.Answer[..^1]])]))];
        _states = [.. _batches.Select(_ => new List<Matrix>())];
    }

    /// <summary>
    /// Returns for each problem and each token of its answer whether it has the highest logit after the tokens before it. Greedy decoding
    /// gives the answer if all of them have.
    /// </summary>
    public bool[][] Evaluate(ICheckpoint checkpoint)
    {
        Llama model = Llama.Load(checkpoint);
        int reusable = _previous is null ? 0 : model.CountSharedStates(_previous);
        _previous = model;
        bool[][][] correct = new bool[_batches.Length][][];
        Parallel.For(0, _batches.Length, b =>
        {
            List<Matrix> states = _states[b];
            states[reusable..].ForEach(s => s.Dispose());
            states.RemoveRange(reusable, states.Count - reusable);
            model.Continue(states, _batches[b]);
            correct[b] = Compare(model, states[^1], _batches[b], _problems[b]);
        });
        return [.. correct.SelectMany(c => c)];
    }

    private static bool[][] Compare(Llama model, Matrix state, TokenBatch batch, Problem[] problems)
    {
        int[] columns = [.. problems.SelectMany((p, i) => Enumerable.Range(batch.Starts[i] + p.Prompt.Length - 1, p.Answer.Length))];
        float[][] logits = model.Logits(state, columns);
        int next = 0;
        return
        [
            .. problems.Select(p => p.Answer.Select(t => TensorPrimitives.IndexOfMax<float>(logits[next++]) == t).ToArray()),
        ];
    }
}
