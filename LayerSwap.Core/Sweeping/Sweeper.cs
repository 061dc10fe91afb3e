using System.Globalization;
using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Sweeping;

/// <summary>Scores candidates one at a time, so that the scorer can use all processors.</summary>
internal static class Sweeper
{
    private const long MaxLogBytes = 256_000_000;

    public static async Task<SweepReport> RunAsync(
        IReadOnlyList<SweepCandidate> candidates,
        Func<ICheckpoint, CancellationToken, Task<double>> score,
        SweepOptions options,
        CancellationToken cancellation)
    {
        if (candidates.Count == 0)
        {
            throw new ArgumentException("A sweep needs at least one candidate.", nameof(candidates));
        }

        if (candidates.GroupBy(c => c.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } duplicates)
        {
            throw new ArgumentException(
                $"Two candidates are called {Printable.Escape(duplicates.Key)}; names must be unique.", nameof(candidates));
        }

        Dictionary<string, double> known = options.Log is null ? new(StringComparer.Ordinal) : Read(options.Log);
        List<SweepResult> results = [];
        StringBuilder log = new();
        foreach ((string name, double value) in known)
        {
            log.Append(Line(name, value));
        }

        foreach (SweepCandidate candidate in candidates)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!known.TryGetValue(candidate.Name, out double value))
            {
                value = await score(candidate.Merge.Plan().AsCheckpoint(), cancellation).ConfigureAwait(false);
                log.Append(Line(candidate.Name, value));
                if (options.Log is not null)
                {
                    // Replaced atomically: a sweep that is killed resumes after the last score.
                    AtomicFile.Replace(SystemFiles.Instance, RealPath.Resolve(options.Log), Encoding.UTF8.GetBytes(log.ToString()));
                }
            }

            SweepResult result = new() { Name = candidate.Name, Score = value };
            results.Add(result);
            options.Progress?.Report(new SweepProgress { Done = results.Count, Total = candidates.Count, Last = result });
        }

        // NaN ranks last.
        return new SweepReport
        {
            Results = [.. results.OrderByDescending(r => double.IsNaN(r.Score) ? double.NegativeInfinity : r.Score)],
        };
    }

    private static string Line(string name, double score) =>
        $"{score.ToString("R", CultureInfo.InvariantCulture)}\t{Printable.Escape(name)}\n";

    private static Dictionary<string, double> Read(string path)
    {
        Dictionary<string, double> known = new(StringComparer.Ordinal);
        if (File.Exists(path) && new FileInfo(path).Length > 0)
        {
            string text = Encoding.UTF8.GetString(InputFile.ReadAll(path, MaxLogBytes));
            foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                if (line.Split('\t') is not [string scoreText, string name]
                    || !double.TryParse(scoreText, NumberStyles.Float, CultureInfo.InvariantCulture, out double score))
                {
                    throw NotALog(path);
                }

                known[name] = score;
            }
        }

        return known;
    }

    private static ArgumentException NotALog(string path) =>
        new($"{Printable.Escape(path)} is not the log of a sweep. Remedy: choose another file.");
}
