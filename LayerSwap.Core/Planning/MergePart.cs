using System.Globalization;
using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>
/// One of several parts that a plan is worked in, on as many machines as one likes that share a file system. A part owns whole output files, neighbours, about as many bytes as the others; with
/// more parts than files some own none. Executed by <see cref="MergePlan.ExecutePart"/>.
/// </summary>
public sealed record MergePart
{
    private MergePart(int number, int count) => (Number, Count) = (number, count);

    /// <summary>Which it is, from 1.</summary>
    public int Number { get; }

    /// <summary>How many parts there are.</summary>
    public int Count { get; }

    /// <summary>A part by its number.</summary>
    /// <param name="number">From 1 to <paramref name="count"/>.</param>
    /// <param name="count">1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such part.</exception>
    public static MergePart Of(int number, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, count);
        return new MergePart(number, count);
    }

    /// <summary>Reads a part as it is written: <c>3/16</c>.</summary>
    /// <param name="text">The text.</param>
    /// <returns>Null where it is none.</returns>
    public static MergePart? TryParse(string? text)
    {
        string[] numbers = text?.Split('/') ?? [];
        return numbers.Length == 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && number >= 1 && number <= count ? new MergePart(number, count) : null;
    }

    /// <summary>As <c>3/16</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");

    /// <summary>The plan of this part alone: its files, and the tensors in them.</summary>
    internal MergePlan Of(MergePlan plan)
    {
        PlannedShard[] own = [.. plan.Shards.Zip(Owners(plan, Count)).Where(s => s.Second == this).Select(s => s.First)];
        HashSet<string> files = [.. own.Select(s => s.File)];
        return Of(plan, own, [.. plan.Tensors.Where(t => files.Contains(t.File))]);
    }

    /// <summary>The parts that own files, each with its plan, in one pass over the whole.</summary>
    internal static IEnumerable<(MergePart Part, MergePlan Plan)> Cut(MergePlan plan, int count)
    {
        ILookup<string, PlannedTensor> tensors = plan.Tensors.ToLookup(t => t.File, StringComparer.Ordinal);
        // A file's tensors follow each other in the plan, as its files do.
        return plan.Shards.Zip(Owners(plan, count)).GroupBy(s => s.Second, s => s.First).Select(g => (g.Key, Of(plan, [.. g], [.. g.SelectMany(s => tensors[s.File])])));
    }

    private static MergePlan Of(MergePlan plan, PlannedShard[] shards, PlannedTensor[] tensors) =>
        plan with { Tensors = tensors, Shards = shards, ReadBytes = tensors.Sum(t => t.ReadBytes), WriteBytes = shards.Sum(s => s.Length) };

    /// <summary>The owner of each file.</summary>
    private static IEnumerable<MergePart> Owners(MergePlan plan, int count)
    {
        long total = Math.Max(plan.WriteBytes, 1), before = 0;
        foreach (PlannedShard shard in plan.Shards)
        {
            // The middle of a file decides; so every file has one owner, and the owners follow each other as the files do.
            UInt128 middle = (UInt128)(ulong)(before + (shard.Length / 2));
            yield return new MergePart((int)(middle * (uint)count / (ulong)total) + 1, count);
            before = checked(before + shard.Length);
        }
    }
}
