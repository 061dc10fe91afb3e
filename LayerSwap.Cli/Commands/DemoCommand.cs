using System.CommandLine;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

/// <summary>Runs every step from inspect to report on small trained models that come with the tool.</summary>
internal static class DemoCommand
{
    private const string Models = "models", Merged = "math-sahili", Report = "report";

    /// <summary>The results of `LayerSwap.Benchmarks -- paper` for this pair of experts and this merge.</summary>
    private const string Measured =
        "On 1,361 problems in Sahili this merge solves 57.4 %; the experts alone solve 49.4 % (math) and 48.9 % (sahili), their average "
        + "55.8 %, the base 49.6 %. The comparison with other methods, and a set of models where swapping fails, are in the repository: "
        + "LayerSwap.Benchmarks/Results/paper.md.";

    private static readonly string[] FolderNames = [Models, Merged, Report];
    private static readonly string[] ReportNames = ["diff.json", "diff.csv", "diff.md", "diff.html"];

    public static Command Create()
    {
        Argument<string> directory = new("DIR")
        {
            Description = "The folder for models, merge and reports; layerswap-demo by default.",
            DefaultValueFactory = _ => "layerswap-demo",
        };
        Command command = new(
            "demo",
            "Shows every step on three small trained models that come with the tool: inspect, diff, plan, swap, verify, report. "
                + "Needs no input and no network.\n\nExample: layerswap demo") { directory };
        command.SetAction((parsed, cancellation) => RunAsync(new Terminal(parsed), parsed.GetValue(directory)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string directory, CancellationToken cancellation)
    {
        string models = Path.Combine(directory, Models);
        string merged = Path.Combine(directory, Merged);
        string report = Path.Combine(directory, Report);
        string[] names = ["base", "math", "sahili"];
        RequireDemoFolder(directory);
        CopyModels(names, models);
        Directory.CreateDirectory(report);
        using OpenModels open = new(new OpenOptions(), stack: null, unpackExperts: false, []);
        ICheckpoint[] all = [.. names.Select(n => open[Path.Combine(models, n)])];

        Terminal.WriteResult(
            "1. inspect: a small trained Llama; two models were fine-tuned from it, "
                + "one on mathematics in English, one on text in Sahili (an invented language).\n");
        Terminal.WriteResult(all[0].ToText());

        Terminal.WriteResult("2. diff: what each fine-tuning changed, layer by layer.\n");
        LayerDiff request = LayerDiff.From(all[0]).To(all[1], all[2]).WithProfiles();
        LayerDiffReport diff = await terminal.WithProgress("comparing", p => request.RunAsync(p, cancellation));
        Terminal.WriteResult(diff.ToString());
        diff.SaveJson(Path.Combine(report, "diff.json"));
        diff.SaveCsv(Path.Combine(report, "diff.csv"));
        diff.SaveMarkdown(Path.Combine(report, "diff.md"));
        Terminal.WriteResult("   Mean absolute change of each layer, in thousandths:\n");
        Terminal.WriteResult(FormatProfiles(diff));
        Terminal.WriteResult(
            "   The language expert changed the first layer and the last two most: a U shape, as in the paper "
                + "(arXiv:2410.01335). What such a profile suggests:\n");
        Terminal.WriteResult($"   {diff.Suggest()}\n");

        Terminal.WriteResult(
            "3. plan: the first four layers and the last from Sahili, the others from mathematics, the rest averaged: "
                + "of the cuts that take both ends, this one solves most validation problems.\n");
        MergePlan plan = Merge.LayerSwap(task: all[1], language: all[2], bottom: 4, top: 1, transition: 0).Plan();
        Terminal.WriteResult(plan.ToString());

        diff.SaveHtml(Path.Combine(report, "diff.html"), plan);

        Terminal.WriteResult("4. swap.\n");
        SaveOptions options = new() { Logger = terminal.Logger, Overwrite = true };
        MergeResult result = await terminal.WithProgress(
            "merging",
            p => plan.ExecuteAsync(merged, options with { Progress = p }, cancellation));
        Terminal.WriteResult("   " + result);

        Terminal.WriteResult("\n5. verify.\n");
        VerifyReport verified = await terminal.WithProgress("verifying", p => Checkpoint.VerifyAsync(merged, p, cancellation));
        Terminal.WriteResult("   " + verified);

        Terminal.WriteResult(
            $"\nThe merged model: {Path.GetFullPath(merged)}\n"
                + $"The report:       {Path.GetFullPath(report)} (open diff.html in a browser; diff.json, diff.csv, diff.md)\n"
                + $"The models:       {Path.GetFullPath(models)}\n\n"
                + Measured);
        return verified.Ok ? ExitCode.Success : ExitCode.BadInput;
    }

    private static string FormatProfiles(LayerDiffReport diff)
    {
        DiffEntry[] layers = [.. diff.Entries.Where(e => e.Layer is not null).OrderBy(e => e.Layer)];
        string Line(string title, IEnumerable<string> cells) => $"   {title,-8}{string.Concat(cells.Select(c => $"{c,5}"))}\n";
        IEnumerable<string> Thousandths(string model) => layers.Where(e => e.Model == model)
            .Select(e => (e.MeanAbsolute * 1000).ToString("F1", CultureInfo.InvariantCulture));
        IEnumerable<string> depths = layers.Select(e => e.Layer!.Value.ToString(CultureInfo.InvariantCulture)).Distinct();
        return Line("layer", depths) + string.Concat(diff.Models.Select(m => Line(Path.GetFileName(m), Thousandths(m))));
    }

    /// <summary>
    /// Refuses a folder with files that the demo did not create, because it replaces its output. Reports count as the demo's only if
    /// the merge has a manifest.
    /// </summary>
    private static void RequireDemoFolder(string directory)
    {
        string merged = Path.Combine(directory, Merged), report = Path.Combine(directory, Report);
        bool hasManifest = File.Exists(Path.Combine(merged, "layerswap.json"));
        bool IsName(string path, string[] names) => names.Contains(Path.GetFileName(path), StringComparer.Ordinal);
        string[] foreign =
        [
            .. Entries(directory).Where(e => !IsName(e, FolderNames) || !IsFolder(e)),
            .. Entries(merged).Where(e => !IsFile(e)),
            .. Entries(report).Where(e => !IsFile(e) || !hasManifest || !IsName(e, ReportNames)),
            .. hasManifest ? [] : Entries(merged),
        ];
        if (foreign.Length > 0)
        {
            string found = Path.GetRelativePath(directory, foreign[0]);
            throw new UsageException(
                $"{Printable.Escape(directory)} contains {Printable.Escape(found)}, which is not the demo's. "
                    + "Remedy: name a folder that is empty or does not exist.");
        }
    }

    private static string[] Entries(string path)
    {
        if (Directory.Exists(path))
        {
            return Directory.GetFileSystemEntries(path);
        }

        return File.Exists(path) ? [path] : [];
    }

    private static bool IsFolder(string path) => new DirectoryInfo(path) is { Exists: true, LinkTarget: null };

    /// <summary>Whether a path is a non-empty file. Pipes have no length, and reading one could block.</summary>
    private static bool IsFile(string path) => new FileInfo(path) is { Exists: true, LinkTarget: null, Length: > 0 };

    /// <summary>Copies the models that come with the tool, so that the commands shown can be repeated on them.</summary>
    private static void CopyModels(string[] names, string target)
    {
        List<(string From, string To)> missing = [];
        foreach (string name in names)
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Demo", name)))
            {
                string copy = Path.Combine(target, name, Path.GetFileName(file));
                if (IsFree(copy))
                {
                    missing.Add((file, copy));
                }
                else if (!IsCopy(copy, file))
                {
                    throw new UsageException(
                        $"{Printable.Escape(copy)} exists, and is not the demo's. Remedy: name another folder, or remove it.");
                }
            }
        }

        foreach ((string from, string to) in missing)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
        }
    }

    private static bool IsFree(string path)
    {
        string folder = Path.GetDirectoryName(path)!;
        return !Path.Exists(path) && new FileInfo(path).LinkTarget is null && (!Directory.Exists(folder) || IsFolder(folder));
    }

    private static bool IsCopy(string path, string source) =>
        IsFile(path)
        && new FileInfo(path).Length == new FileInfo(source).Length
        && File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(source));
}
