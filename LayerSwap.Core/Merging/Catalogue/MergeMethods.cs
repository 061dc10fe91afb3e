namespace LayerSwap.Merging;

/// <summary>The catalogue of methods by name.</summary>
internal static class MergeMethods
{
    public static IReadOnlyList<MergeMethod> All { get; } =
    [
        new MergeMethod
        {
            Name = "linear",
            Summary = "The weighted average of the models (a soup).",
            NeedsBase = false,
            Parameters = [Switch("normalize", "Whether the sum is divided by the sum of the weights.", on: true)],
            Factory = values => MergeStrategies.Linear(new LinearOptions { Normalize = values.Switch("normalize") }),
        },
        new MergeMethod
        {
            Name = "task_arithmetic",
            Summary = "The base plus the scaled sum of the models' changes from it.",
            NeedsBase = true,
            Parameters =
            [
                new MergeParameter { Name = "lambda", Summary = "The scale of the summed changes; any finite number.", Default = 1 },
                Switch("normalize", "Whether the sum is divided by the sum of the weights.", on: false),
            ],
            Factory = values => MergeStrategies.TaskArithmetic(new TaskArithmeticOptions { Scale = values.Number("lambda"), Normalize = values.Switch("normalize") }),
        },
        new MergeMethod
        {
            Name = "passthrough",
            Summary = "One model, unchanged or scaled.",
            NeedsBase = false,
            Parameters = [new MergeParameter { Name = "scale", Summary = "What every element is multiplied by; 1 copies bytes.", Default = 1 }],
            Factory = values => MergeStrategies.Passthrough(values.Number("scale")),
        },
    ];

    public static MergeMethod Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new ArgumentException($"There is no method {Printable.Escape(name)}; nearest is {All.MinBy(m => Distance(m.Name, name))!.Name}. There are {string.Join(", ", All.Select(m => m.Name))}.", nameof(name));

    /// <summary>The Levenshtein distance.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }

    private static MergeParameter Switch(string name, string summary, bool on) => new() { Name = name, Summary = summary, Default = on ? 1 : 0, IsSwitch = true };
}
