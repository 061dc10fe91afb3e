using System.Globalization;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>
/// Measures time and memory of the largest inputs; memory must not grow with a model. Inputs are created first, as sparse files if they
/// are too large for a disk. Each row is measured in a child process.
/// </summary>
internal static class ScaleProgram
{
    public static async Task<int> RunAsync(string[] options)
    {
        string? kept = ProgramOptions.GetValue(options, "--dir");
        if (ProgramOptions.GetValue(options, RowProcess.Argument) is { } child)
        {
            await RowProcess.RunChildAsync(ScaleRows.All.Single(r => r.Name == child), kept!);
            return 0;
        }

        string only = ProgramOptions.GetValue(options, "--only") ?? "";
        int rounds = int.Parse(ProgramOptions.GetValue(options, "--rounds") ?? "3", CultureInfo.InvariantCulture);
        bool large = options.Contains("--large");
        ScaleRow[] rows = [.. ScaleRows.All.Where(r => r.Name.Contains(only, StringComparison.Ordinal) && (!r.Large || large))];
        string root = kept is null
            ? Directory.CreateTempSubdirectory("layerswap-scale-").FullName
            : Directory.CreateDirectory(kept).FullName;
        List<(ScaleRow Row, ScaleResult Result)> results = [];
        try
        {
            // One input at a time: all of them may not fit on the disk.
            foreach (IGrouping<ScaleInput, ScaleRow> group in rows.GroupBy(r => r.Input))
            {
                string input = Path.Combine(root, group.Key.Name);
                await MakeAsync(group.Key, input);
                foreach (ScaleRow row in group)
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

        return results.TrueForAll(r => ScaleTable.MeetsLimits(r.Row, r.Result)) ? 0 : 1;
    }

    /// <summary>Returns the folder for a row's output; empty when the row starts.</summary>
    public static string OutputIn(string root) => Path.Combine(root, "out");

    /// <summary>Creates an input if it does not exist, and renames it when complete.</summary>
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
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Name}: {results[i].Seconds:F2} s, {ByteSize.Format(results[i].PeakMemory)}"));
        }

        Clear(OutputIn(root));
        return results[0] with
        {
            Seconds = results.Select(r => r.Seconds).Order().ElementAt(rounds / 2),
            PeakMemory = results.Max(r => r.PeakMemory),
        };
    }

    private static void Clear(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
