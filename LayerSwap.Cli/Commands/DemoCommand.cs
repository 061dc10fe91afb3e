using System.CommandLine;

namespace LayerSwap.Cli.Commands;

/// <summary>The whole path on really trained models that come with the tool.</summary>
internal static class DemoCommand
{
    private const string Models = "models", Merged = "math-sahili", Report = "report";

    private static readonly string[] OwnNames = [Models, Merged, Report], ReportNames = ["diff.json", "diff.csv", "diff.md", "diff.html"];

    public static Command Create()
    {
        Argument<string> directory = new("DIR") { Description = "Where to put models, merge and reports; layerswap-demo by default.", DefaultValueFactory = _ => "layerswap-demo" };
        Command command = new("demo", "Shows the whole path on three small trained models that come with the tool: inspect, diff, plan, swap, verify, report. Needs no input and no network.\n\nExample: layerswap demo") { directory };
        command.SetAction((parsed, cancellation) => RunAsync(new Terminal(parsed), parsed.GetValue(directory)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string directory, CancellationToken cancellation)
    {
        string models = Path.Combine(directory, Models), merged = Path.Combine(directory, Merged), report = Path.Combine(directory, Report);
        string[] names = ["base", "math", "sahili"];
        RequireOwn(directory);
        CopyModels(names, models);
        Directory.CreateDirectory(report);
        using OpenModels open = new(InputCautions.None, stack: null, expertsApart: false, []);
        ICheckpoint[] all = [.. names.Select(n => open[Path.Combine(models, n)])];

        Terminal.Result("1. inspect: a small Llama, trained; two were fine-tuned from it, one on mathematics in English, one on text in Sahili (an invented language).\n");
        Terminal.Result(all[0].ToText());

        Terminal.Result("2. diff: what each fine-tuning changed, layer by layer.\n");
        LayerDiffReport diff = await terminal.WithProgress("comparing", p => LayerDiff.From(all[0]).To(all[1], all[2]).WithProfiles().RunAsync(p, cancellation));
        Terminal.Result(diff.ToString());
        diff.SaveJson(Path.Combine(report, "diff.json"));
        diff.SaveCsv(Path.Combine(report, "diff.csv"));
        diff.SaveMarkdown(Path.Combine(report, "diff.md"));
        foreach (string model in diff.Models)
        {
            DiffEntry most = diff.Entries.First(e => e.Model == model && e.Layer is not null), least = diff.Entries.Last(e => e.Model == model && e.Layer is not null);
            Terminal.Result($"   {Path.GetFileName(model)} changed {most.Name} most and {least.Name} least, {most.MeanAbsolute / least.MeanAbsolute:F1} times apart.");
        }

        Terminal.Result("\n3. plan: the bottom layer and the top layer from Sahili, the middle from mathematics, one averaged layer at each seam.\n");
        MergePlan plan = Merge.LayerSwap(task: all[1], language: all[2], bottom: 1, top: 1, transition: 1).Plan();
        Terminal.Result(plan.ToString());

        diff.SaveHtml(Path.Combine(report, "diff.html"), plan);

        Terminal.Result("4. swap.\n");
        MergeResult result = await terminal.WithProgress("merging", p => plan.ExecuteAsync(merged, new SaveOptions { Progress = p, Logger = terminal.Logger, Overwrite = true }, cancellation));
        Terminal.Result("   " + result);

        Terminal.Result("\n5. verify.\n");
        VerifyReport verified = await terminal.WithProgress("verifying", p => Checkpoint.VerifyAsync(merged, p, cancellation));
        Terminal.Result("   " + verified);

        Terminal.Result($"\nThe merged model: {Path.GetFullPath(merged)}\nThe report:       {Path.GetFullPath(report)} (open diff.html in a browser; diff.json, diff.csv, diff.md)\nThe models:       {Path.GetFullPath(models)}");
        return verified.Ok ? ExitCode.Done : ExitCode.BadInput;
    }

    /// <summary>Refuses a folder of something else: what lies where the demo writes would be replaced. What the demo made before is its own: models as they come with it, reports beside a merge with its record.</summary>
    private static void RequireOwn(string directory)
    {
        string merged = Path.Combine(directory, Merged), report = Path.Combine(directory, Report);
        string[] foreign =
        [
            .. Entries(directory).Where(e => !OwnNames.Contains(Path.GetFileName(e), StringComparer.Ordinal) || !IsFolder(e)),
            .. Entries(merged).Where(e => !IsFile(e)),
            .. Entries(report).Where(e => !IsFile(e) || !File.Exists(Path.Combine(merged, "layerswap.json")) || !ReportNames.Contains(Path.GetFileName(e), StringComparer.Ordinal)),
            .. File.Exists(Path.Combine(merged, "layerswap.json")) ? [] : Entries(merged),
        ];
        if (foreign.Length > 0)
        {
            throw new UsageException($"{Printable.Escape(directory)} holds {Printable.Escape(Path.GetRelativePath(directory, foreign[0]))}, which is not the demo's. Remedy: name a folder that is empty or not there yet.");
        }
    }

    private static string[] Entries(string folder) => Directory.Exists(folder) ? Directory.GetFileSystemEntries(folder) : File.Exists(folder) ? [folder] : [];

    private static bool IsFolder(string path) => new DirectoryInfo(path) is { Exists: true, LinkTarget: null };

    /// <summary>Whether it is a file of some length: a pipe has none, and reading it would wait for ever.</summary>
    private static bool IsFile(string path) => new FileInfo(path) is { Exists: true, LinkTarget: null, Length: > 0 };

    /// <summary>Puts the models that come with the tool beside the result, where the commands shown can be repeated on them.</summary>
    private static void CopyModels(string[] names, string target)
    {
        List<(string From, string To)> missing = [];
        foreach (string name in names)
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Demo", name)))
            {
                string copy = Path.Combine(target, name, Path.GetFileName(file));
                if (!Path.Exists(copy) && new FileInfo(copy).LinkTarget is null && (!Directory.Exists(Path.GetDirectoryName(copy)) || IsFolder(Path.GetDirectoryName(copy)!)))
                {
                    missing.Add((file, copy));
                }
                else if (!IsFile(copy) || new FileInfo(copy).Length != new FileInfo(file).Length || !File.ReadAllBytes(copy).AsSpan().SequenceEqual(File.ReadAllBytes(file)))
                {
                    throw new UsageException($"{Printable.Escape(copy)} is there already, and is not the demo's. Remedy: name another folder, or remove it.");
                }
            }
        }

        foreach ((string from, string to) in missing)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
        }
    }
}
