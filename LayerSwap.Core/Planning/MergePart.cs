using System.Globalization;
using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>
/// One part of a plan that is split across machines with a shared file system. A part owns consecutive output files of about equal
/// bytes; with more parts than files, some parts own none. Executed by <see cref="MergePlan.ExecutePart"/>.
/// </summary>
public sealed record MergePart
{
    private MergePart(int number, int count) => (Number, Count) = (number, count);

    /// <summary>The number of the part, from 1.</summary>
    public int Number { get; }

    /// <summary>The number of parts.</summary>
    public int Count { get; }

    /// <summary>Creates a part by its number.</summary>
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

    /// <summary>Parses a part such as <c>3/16</c>.</summary>
    /// <param name="text">The text.</param>
    /// <returns>Null if the text is not a part.</returns>
    public static MergePart? TryParse(string? text)
    {
        string[] numbers = text?.Split('/') ?? [];
        return numbers.Length == 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && number >= 1 && number <= count ? new MergePart(number, count) : null;
    }

    /// <summary>Writes the part as <c>3/16</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");

    /// <summary>Restricts a plan to the files of this part and their tensors.</summary>
    internal MergePlan Of(MergePlan plan)
    {
        PlannedShard[] shards = [.. plan.Shards.Zip(Owners(plan, Count)).Where(s => s.Second == this).Select(s => s.First)];
        HashSet<string> files = [.. shards.Select(s => s.File)];
        return Of(plan, shards, [.. plan.Tensors.Where(t => files.Contains(t.File))]);
    }

    /// <summary>Splits a plan into the parts that own files, in one pass.</summary>
    internal static IEnumerable<(MergePart Part, MergePlan Plan)> Cut(MergePlan plan, int count)
    {
        ILookup<string, PlannedTensor> tensors = plan.Tensors.ToLookup(t => t.File, StringComparer.Ordinal);
        return plan.Shards.Zip(Owners(plan, count))
            .GroupBy(s => s.Second, s => s.First)
            .Select(g => (g.Key, Of(plan, [.. g], [.. g.SelectMany(s => tensors[s.File])])));
    }

    private static MergePlan Of(MergePlan plan, PlannedShard[] shards, PlannedTensor[] tensors) => plan with
    {
        Tensors = tensors,
        Shards = shards,
        ReadBytes = tensors.Sum(t => t.ReadBytes),
        WriteBytes = shards.Sum(s => s.Length),
    };

    /// <summary>Finds the owner of each file, in plan order.</summary>
    private static IEnumerable<MergePart> Owners(MergePlan plan, int count)
    {
        long total = Math.Max(plan.WriteBytes, 1), before = 0;
        foreach (PlannedShard shard in plan.Shards)
        {
            // The middle byte decides: every file has one owner, and owners are in the order of files.
            UInt128 middle = (UInt128)(ulong)(before + (shard.Length / 2));
            yield return new MergePart((int)(middle * (uint)count / (ulong)total) + 1, count);
            before = checked(before + shard.Length);
        }
    }
}
