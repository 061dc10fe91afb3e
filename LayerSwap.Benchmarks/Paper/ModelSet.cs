namespace LayerSwap.Benchmarks.Paper;

/// <summary>A set of trained models: a base, two mathematics experts, two language experts, and the merges to compare on them.</summary>
internal sealed record ModelSet
{
    public static readonly string[] Mathematics = ["math", "math-2"], Languages = ["sahili", "sahili-2"];

    /// <summary>The folder's name in the tests' fixtures.</summary>
    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>The numbers of bottom, top and transition layers of the swaps.</summary>
    public required int[] Bottom { get; init; }

    public required int[] Top { get; init; }

    public required int[] Transition { get; init; }

    /// <summary>The scales of task arithmetic.</summary>
    public required double[] Scales { get; init; }

    public required double DareDensity { get; init; }

    public required double DareScale { get; init; }

    /// <summary>The bottom and top layers of the controls, which exchange roles or put the base in an expert's place.</summary>
    public required (int Bottom, int Top)[] Controls { get; init; }

    public static IReadOnlyList<ModelSet> All { get; } =
    [
        new()
        {
            Name = "miniature-2",
            Description = "light fine-tunes of a base that knows the task",
            Bottom = [0, 1, 2, 3, 4, 5, 6],
            Top = [0, 1, 2],
            Transition = [0],
            Scales = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
            DareDensity = 0.8,
            DareScale = 0.5,
            Controls = [(4, 0), (4, 1)],
        },
        new()
        {
            Name = "miniature",
            Description = "heavy fine-tunes of a base that does not know the task",
            Bottom = [0, 1, 2],
            Top = [0, 1, 2, 3],
            Transition = [0, 1],
            Scales = [0.7, 1],
            DareDensity = 0.5,
            DareScale = 1,
            Controls = [(1, 1), (2, 1), (2, 2)],
        },
    ];

    /// <summary>The swaps' numbers of bottom, top and transition layers. Neighbours have many layers in common, which saves work.</summary>
    public IEnumerable<(int Bottom, int Top, int Transition)> Swaps =>
        from t in Transition from b in Bottom from u in Top where b + u > 0 select (b, u, t);
}
