using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>
/// One part of a plan that is split across machines with a shared file system. A part owns consecutive output files of about equal
/// bytes; with more parts than files, some parts own none. Executed by <see cref="MergePlan.ExecutePart"/>.
/// </summary>
public sealed record MergePart : IParsable<MergePart>
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

    /// <inheritdoc cref="Parse(string, IFormatProvider?)"/>
    /// <param name="s">The text.</param>
    public static MergePart Parse(string s) => Parse(s, null);

    /// <summary>Parses a part such as <c>3/16</c>.</summary>
    /// <param name="s">The text.</param>
    /// <param name="provider">Not used: the form is the same everywhere.</param>
    /// <exception cref="FormatException">The text is not a part.</exception>
    public static MergePart Parse(string s, IFormatProvider? provider)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s, provider, out MergePart? part) ? part
            : throw new FormatException($"{Printable.Escape(s)} is not a part; a part such as 3/16 is expected, from 1/16 to 16/16.");
    }

    /// <summary>Parses a part such as <c>3/16</c>.</summary>
    /// <param name="s">The text.</param>
    /// <param name="result">The part, or null.</param>
    /// <returns>False if the text is not a part.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, [NotNullWhen(true)] out MergePart? result) => TryParse(s, null, out result);

    /// <inheritdoc cref="TryParse(string?, out MergePart?)"/>
    /// <param name="s">The text.</param>
    /// <param name="provider">Not used: the form is the same everywhere.</param>
    /// <param name="result">The part, or null.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out MergePart? result)
    {
        string[] numbers = s?.Split('/') ?? [];
        result = numbers.Length == 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && number >= 1 && number <= count ? new MergePart(number, count) : null;
        return result is not null;
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
    internal static IEnumerable<(MergePart Part, MergePlan Plan)> Split(MergePlan plan, int count)
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
