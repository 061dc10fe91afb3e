using System.Globalization;
using System.Text;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>Formats a plan as a table: consecutive layers with the same treatment share a row.</summary>
internal static class PlanText
{
    /// <param name="plan">The plan.</param>
    /// <param name="machine">Whether to include threads and memory, which depend on the machine.</param>
    public static string Format(MergePlan plan, bool machine = true)
    {
        PlanRequest request = plan.Request;
        Func<string, string> shorten = Shortener(request.Inputs);
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"Merge of {plan.Tensors.Count} tensors, {plan.Layers.LayerCount} layers\n");
        foreach (ICheckpoint input in request.Inputs)
        {
            string role = input == request.Base ? "base" : $"source {request.Sources.ToList().FindIndex(s => s.Checkpoint == input)}";
            string note = input == request.ConfigSource ? "  (gives config and tokenizer)" : "";
            text.Append(CultureInfo.InvariantCulture, $"  {role,-9} {Printable.Escape(input.Name)}{note}\n");
        }

        TextTable table = new TextTable("where", "does", "from", "how", "rule", "tensors", "size").AlignLeft(1, 2, 3, 4);
        foreach (Step step in Steps(plan))
        {
            PlannedTensor t = step.First;
            table.Add(
                step.Where,
                t.Operation == PlannedOperation.Take ? "take" : "merge",
                string.Join(" + ", t.Sources.Select(shorten)),
                t.Detail.Length == 0 ? t.Strategy : $"{t.Strategy}: {t.Detail}",
                t.Rule,
                step.Tensors.ToString(CultureInfo.InvariantCulture),
                ByteSize.Format(step.Bytes));
        }

        text.Append('\n').Append(table).Append('\n');
        text.Append("reads ").Append(ByteSize.Format(plan.ReadBytes)).Append(", writes ").Append(ByteSize.Format(plan.WriteBytes));
        text.Append(" in ").Append(Count(plan.Shards.Count, "file"));
        if (machine)
        {
            text.Append(", at most ").Append(ByteSize.Format(plan.PeakMemoryBytes));
            text.Append(" of memory with ").Append(Count(request.Threads, "thread"));
        }

        text.Append('\n');
        foreach (string warning in plan.Warnings)
        {
            text.Append("warning: ").Append(warning).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Groups tensors by layer (or kind, outside layers) and treatment, then joins consecutive layers with equal groups.</summary>
    private static IEnumerable<Step> Steps(MergePlan plan)
    {
        static string GroupOf(TensorPlace place) => place.Layer is null ? place.Kind.ToString().ToLowerInvariant() : place.Stack!;
        var places = plan.Tensors.GroupBy(t => GroupOf(t.Place), StringComparer.Ordinal).OrderBy(g => RankOf(g.First().Place));
        foreach (var place in places)
        {
            bool layers = place.First().Place.Layer is not null;
            List<Step> open = [];
            int previous = -1;
            foreach (var layer in place.GroupBy(t => t.Place.Layer ?? 0).OrderBy(g => g.Key))
            {
                List<Step> steps =
                    [.. layer.GroupBy(TreatmentOf).Select(g => new Step(g.First(), g.Count(), g.Sum(t => t.Tensor.ByteLength)))];
                if (layer.Key == previous + 1 && Treatments(open).SequenceEqual(Treatments(steps)))
                {
                    open =
                    [
                        .. open.Zip(steps, (a, b) =>
                            a with { Last = layer.Key, Tensors = a.Tensors + b.Tensors, Bytes = a.Bytes + b.Bytes }),
                    ];
                }
                else
                {
                    foreach (Step done in open)
                    {
                        yield return done;
                    }

                    open = [.. steps.Select(s => s with { Where = layers ? "" : place.Key, Last = layer.Key })];
                }

                previous = layer.Key;
            }

            foreach (Step done in open)
            {
                yield return done;
            }
        }
    }

    private static int RankOf(TensorPlace place) => place switch
    {
        { Layer: not null } => 1,
        { Kind: TensorKind.Embedding } => 0,
        { Kind: TensorKind.Norm } => 2,
        { Kind: TensorKind.Head } => 4,
        _ => 3,
    };

    private static Treatment TreatmentOf(PlannedTensor t) => new(t.Operation, t.Strategy, string.Join('|', t.Sources), t.Detail, t.Rule);

    private static IEnumerable<Treatment> Treatments(List<Step> steps) => steps.Select(s => TreatmentOf(s.First));

    /// <summary>Shortens paths to their last part, if these differ between inputs.</summary>
    private static Func<string, string> Shortener(IReadOnlyList<ICheckpoint> inputs)
    {
        static string Last(string name) => string.Join(" + ", ShortenName(name));
        bool distinct = inputs.Select(i => Last(i.Name)).Distinct(StringComparer.Ordinal).Count() == inputs.Count;
        return name => Printable.Escape(distinct ? Last(name) : name);
    }

    /// <summary>The last part of a path, or of each path in the name of a stack: <c>a/b + a/c</c> gives b and c.</summary>
    internal static IEnumerable<string> ShortenName(string name) =>
        name.Split(" + ").Select(n => Path.GetFileName(Path.TrimEndingDirectorySeparator(n)) is { Length: > 0 } last ? last : n);

    private static string Count(int count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");

    private sealed record Treatment(PlannedOperation Operation, string Strategy, string Sources, string Detail, string Rule);

    private sealed record Step(PlannedTensor First, int Tensors, long Bytes)
    {
        private readonly string _where = string.Empty;

        public int Last { get; init; }

        public string Where
        {
            get
            {
                if (_where.Length > 0)
                {
                    return _where;
                }

                return First.Place.Layer == Last
                    ? string.Create(CultureInfo.InvariantCulture, $"{Prefix}layer {Last}")
                    : string.Create(CultureInfo.InvariantCulture, $"{Prefix}layers {First.Place.Layer}-{Last}");
            }

            init => _where = value;
        }

        private string Prefix => First.Place.InMainStack ? string.Empty : Printable.Escape(First.Place.Stack ?? string.Empty) + " ";
    }
}
