using System.Globalization;
using System.Text;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>A plan for people: neighbouring layers that are treated alike share a line.</summary>
internal static class PlanText
{
    /// <param name="plan">The plan.</param>
    /// <param name="machine">Whether also what depends on the machine: threads, and with them memory.</param>
    public static string Of(MergePlan plan, bool machine = true)
    {
        PlanRequest request = plan.Request;
        Func<string, string> shorten = Shortener(request.Inputs);
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"Merge of {plan.Tensors.Count} tensors, {plan.Layers.LayerCount} layers\n");
        foreach (ICheckpoint input in request.Inputs)
        {
            string role = input == request.Base ? "base" : $"source {request.Sources.ToList().FindIndex(s => s.Checkpoint == input)}";
            text.Append(CultureInfo.InvariantCulture, $"  {role,-9} {Printable.Escape(input.Name)}{(input == request.Donor ? "  (gives config and tokenizer)" : "")}\n");
        }

        TextTable table = new TextTable("where", "does", "from", "how", "rule", "tensors", "size").Left(1, 2, 3, 4);
        foreach (Step step in Steps(plan))
        {
            PlannedTensor t = step.First;
            table.Add(step.Where, t.Operation == PlannedOperation.Take ? "take" : "merge", string.Join(" + ", t.Sources.Select(shorten)),
                t.Detail.Length == 0 ? t.Strategy : $"{t.Strategy}: {t.Detail}", t.Rule,
                step.Tensors.ToString(CultureInfo.InvariantCulture), ByteSize.Format(step.Bytes));
        }

        text.Append('\n').Append(table).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"reads {ByteSize.Format(plan.ReadBytes)}, writes {ByteSize.Format(plan.WriteBytes)} in {Count(plan.Shards.Count, "file")}");
        text.Append(machine ? string.Create(CultureInfo.InvariantCulture, $", at most {ByteSize.Format(plan.PeakMemoryBytes)} of memory with {Count(request.Threads, "thread")}\n") : "\n");
        foreach (string warning in plan.Warnings)
        {
            text.Append("warning: ").Append(warning).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Joins tensors of one layer, or of one kind outside, that are treated alike; then neighbouring layers with the same lines.</summary>
    private static IEnumerable<Step> Steps(MergePlan plan)
    {
        var places = plan.Tensors.GroupBy(t => t.Place.Layer is null ? t.Place.Kind.ToString().ToLowerInvariant() : t.Place.Stack!, StringComparer.Ordinal)
            .OrderBy(g => g.First().Place.Layer is not null ? 1 : g.First().Place.Kind switch { TensorKind.Embedding => 0, TensorKind.Norm => 2, TensorKind.Head => 4, _ => 3 });
        foreach (var place in places)
        {
            bool layers = place.First().Place.Layer is not null;
            List<Step> open = [];
            int previous = -1;
            foreach (var layer in place.GroupBy(t => t.Place.Layer ?? 0).OrderBy(g => g.Key))
            {
                List<Step> lines = [.. layer.GroupBy(TreatmentOf).Select(g => new Step(g.First(), g.Count(), g.Sum(t => t.Tensor.ByteLength)))];
                bool alike = layer.Key == previous + 1 && open.Select(s => TreatmentOf(s.First)).SequenceEqual(lines.Select(s => TreatmentOf(s.First)));
                if (alike)
                {
                    open = [.. open.Zip(lines, (a, b) => a with { Last = layer.Key, Tensors = a.Tensors + b.Tensors, Bytes = a.Bytes + b.Bytes })];
                }
                else
                {
                    foreach (Step done in open)
                    {
                        yield return done;
                    }

                    open = [.. lines.Select(s => s with { Where = layers ? "" : place.Key, Last = layer.Key })];
                }

                previous = layer.Key;
            }

            foreach (Step done in open)
            {
                yield return done;
            }
        }
    }

    private static Treatment TreatmentOf(PlannedTensor t) => new(t.Operation, t.Strategy, string.Join('|', t.Sources), t.Detail, t.Rule);

    /// <summary>The last part of a path is enough in a table, as long as it tells the inputs apart; the list above has all of it.</summary>
    private static Func<string, string> Shortener(IReadOnlyList<ICheckpoint> inputs)
    {
        static string Last(string name) => string.Join(" + ", LastParts(name));
        bool distinct = inputs.Select(i => Last(i.Name)).Distinct(StringComparer.Ordinal).Count() == inputs.Count;
        return name => Printable.Escape(distinct ? Last(name) : name);
    }

    /// <summary>The last part of a path; of a stack, which is called by its parts, that of each.</summary>
    internal static IEnumerable<string> LastParts(string name) =>
        name.Split(" + ").Select(n => Path.GetFileName(Path.TrimEndingDirectorySeparator(n)) is { Length: > 0 } last ? last : n);

    private static string Count(int count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");

    private sealed record Treatment(PlannedOperation Operation, string Strategy, string Sources, string Detail, string Rule);

    private sealed record Step(PlannedTensor First, int Tensors, long Bytes)
    {
        private readonly string _where = string.Empty;

        public int Last { get; init; }

        public string Where
        {
            get => _where.Length > 0 ? _where
                : First.Place.Layer == Last ? string.Create(CultureInfo.InvariantCulture, $"{Prefix}layer {Last}")
                : string.Create(CultureInfo.InvariantCulture, $"{Prefix}layers {First.Place.Layer}-{Last}");
            init => _where = value;
        }

        private string Prefix => First.Place.InMainStack ? string.Empty : Printable.Escape(First.Place.Stack ?? string.Empty) + " ";
    }
}
