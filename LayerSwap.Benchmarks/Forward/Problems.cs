using System.Text.Json;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>A prompt and the token that answers it.</summary>
public sealed record Problem(int[] Prompt, int Answer)
{
    /// <summary>Reads a file with one JSON object per line: <c>{"prompt": [ids], "answer": id}</c>.</summary>
    public static Problem[] Read(string path) => [.. File.ReadLines(path).Select(line =>
    {
        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement;
        int[] prompt = [.. root.GetProperty("prompt").EnumerateArray().Select(t => t.GetInt32())];
        return new Problem(prompt, root.GetProperty("answer").GetInt32());
    })];

    /// <summary>Computes the share of problems whose answer has the highest logit after the prompt, from 0 to 1.</summary>
    public static double Accuracy(ICheckpoint checkpoint, Problem[] problems)
    {
        const int Batch = 32;
        Llama model = Llama.Load(checkpoint);
        int correct = 0;
        Parallel.ForEach(problems.Chunk(Batch), batch =>
        {
            float[][] logits = model.LastLogits([.. batch.Select(p => p.Prompt)]);
            for (int p = 0; p < batch.Length; p++)
            {
                if (System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(logits[p]) == batch[p].Answer)
                {
                    Interlocked.Increment(ref correct);
                }
            }
        });
        return correct / (double)problems.Length;
    }
}
