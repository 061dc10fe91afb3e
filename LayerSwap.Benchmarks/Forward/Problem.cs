using System.Text.Json;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>A prompt and the tokens that answer it.</summary>
public sealed record Problem(int[] Prompt, int[] Answer)
{
    /// <summary>Reads a file with one JSON object per line: <c>{"prompt": [ids], "answer": [ids]}</c>, or one id as the answer.</summary>
    public static Problem[] Read(string path) => [.. File.ReadLines(path).Select(line =>
    {
        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement, answer = root.GetProperty("answer");
        return new Problem(
            Ids(root.GetProperty("prompt")),
            answer.ValueKind == JsonValueKind.Array ? Ids(answer) : [answer.GetInt32()]);
    })];

    /// <summary>Computes the share of problems that greedy decoding answers, from 0 to 1.</summary>
    public static double Accuracy(ICheckpoint checkpoint, Problem[] problems) =>
        new Evaluator(problems).Evaluate(checkpoint).Count(tokens => tokens.All(t => t)) / (double)problems.Length;

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(t => t.GetInt32())];
}
