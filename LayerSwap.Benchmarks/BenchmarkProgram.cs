namespace LayerSwap.Benchmarks;

/// <summary>A benchmark with its own options. Unknown options are refused before it starts.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="Summary">What it measures.</param>
/// <param name="Options">The options, as help shows them.</param>
/// <param name="Work">Runs it and returns the exit code.</param>
internal sealed record BenchmarkProgram(string Name, string Summary, string Options, Func<string[], Task<int>> Work)
{
    public string Usage => $"{Name} {Options}\n    {Summary}";

    public async Task<int> RunAsync(string[] options)
    {
        string[] known = [.. Options.Split('[', ']', ' ').Where(w => w.StartsWith("--", StringComparison.Ordinal))];
        if (options.FirstOrDefault(o => o.StartsWith('-') && !known.Contains(o, StringComparer.Ordinal)) is { } unknown)
        {
            if (unknown is "--help" or "-h")
            {
                await Console.Out.WriteLineAsync(Usage);
                return 0;
            }

            await Console.Error.WriteLineAsync($"{Name} has no option {unknown}.\n{Usage}");
            return 2;
        }

        return await Work(options);
    }
}
