using System.Globalization;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>
/// What the largest inputs take: time, and memory, which must not grow with a model. Inputs are made first, sparse where they are too large for any disk, and each row is measured in a process
/// of its own.
/// </summary>
internal static class ScaleProgram
{
    public static async Task<int> RunAsync(string[] options)
    {
        string? kept = ProgramOptions.Value(options, "--dir");
        if (ProgramOptions.Value(options, RowProcess.Argument) is { } one)
        {
            await RowProcess.WorkAsync(ScaleRows.All.Single(r => r.Name == one), kept!);
            return 0;
        }

        string only = ProgramOptions.Value(options, "--only") ?? "";
        int rounds = int.Parse(ProgramOptions.Value(options, "--rounds") ?? "3", CultureInfo.InvariantCulture);
        ScaleRow[] rows = [.. ScaleRows.All.Where(r => r.Name.Contains(only, StringComparison.Ordinal) && (!r.Large || options.Contains("--large")))];
        string root = kept is null ? Directory.CreateTempSubdirectory("layerswap-scale-").FullName : Directory.CreateDirectory(kept).FullName;
        List<(ScaleRow Row, ScaleResult Result)> results = [];
        try
        {
            // One input at a time: all of them together may not find room.
            foreach (IGrouping<ScaleInput, ScaleRow> alike in rows.GroupBy(r => r.Input))
            {
                string input = Path.Combine(root, alike.Key.Name);
                await MakeAsync(alike.Key, input);
                foreach (ScaleRow row in alike)
                {
                    results.Add((row, await MeasureAsync(row, root, rounds)));
                }

                if (kept is null)
                {
                    Directory.Delete(input, recursive: true);
                }
            }

            Console.WriteLine(ScaleTable.Of(results, rounds));
        }
        finally
        {
            Clear(kept is null ? root : OutputIn(root));
        }

        return results.TrueForAll(r => ScaleTable.Holds(r.Row, r.Result)) ? 0 : 1;
    }

    /// <summary>The folder that a row writes in; empty when it starts.</summary>
    public static string OutputIn(string root) => Path.Combine(root, "out");

    /// <summary>Makes an input that is not there from another time; half of one never has its name.</summary>
    private static async Task MakeAsync(ScaleInput input, string path)
    {
        string part = path + ".part";
        Clear(part);
        if (!Directory.Exists(path))
        {
            Console.Error.WriteLine($"making {input.Name}");
            await input.Make(part);
            Directory.Move(part, path);
        }
    }

    private static async Task<ScaleResult> MeasureAsync(ScaleRow row, string root, int rounds)
    {
        ScaleResult[] results = new ScaleResult[rounds];
        for (int i = 0; i < rounds; i++)
        {
            Clear(OutputIn(root));
            Directory.CreateDirectory(OutputIn(root));
            results[i] = await RowProcess.MeasureAsync(row, root);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Name}: {results[i].Seconds:F2} s, {ByteSize.Format(results[i].PeakMemory)}"));
        }

        Clear(OutputIn(root));
        return results[0] with { Seconds = results.Select(r => r.Seconds).Order().ElementAt(rounds / 2), PeakMemory = results.Max(r => r.PeakMemory) };
    }

    private static void Clear(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
