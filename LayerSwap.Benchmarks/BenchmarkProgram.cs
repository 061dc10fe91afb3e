namespace LayerSwap.Benchmarks;

/// <summary>A program that measures whole work, with its own options; one that is not named in them is refused before anything is done.</summary>
/// <param name="Name">What it goes by.</param>
/// <param name="Summary">What it does.</param>
/// <param name="Options">Its options, as help shows them.</param>
/// <param name="Work">Runs it.</param>
internal sealed record BenchmarkProgram(string Name, string Summary, string Options, Func<string[], Task<int>> Work)
{
    public string Usage => $"{Name} {Options}\n    {Summary}";

    public async Task<int> RunAsync(string[] options)
    {
        string[] known = [.. Options.Split('[', ']', ' ').Where(w => w.StartsWith("--", StringComparison.Ordinal))];
        if (options.FirstOrDefault(o => o.StartsWith('-') && !known.Contains(o, StringComparer.Ordinal)) is { } unknown)
        {
            bool asked = unknown is "--help" or "-h";
            await (asked ? Console.Out : Console.Error).WriteLineAsync(asked ? Usage : $"{Name} has no option {unknown}.\n{Usage}");
            return asked ? 0 : 2;
        }

        return await Work(options);
    }
}
