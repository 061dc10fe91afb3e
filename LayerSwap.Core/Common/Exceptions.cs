namespace LayerSwap;

/// <summary>The family of errors that LayerSwap itself raises. The message says what was found, where, what was expected and what to do.</summary>
public abstract class LayerSwapException : Exception
{
    private protected LayerSwapException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>A checkpoint breaks a rule of its format: nothing of it is used.</summary>
public sealed class CheckpointException : LayerSwapException
{
    internal CheckpointException(string file, string? tensor, string message, Exception? inner = null)
        : base(message, inner)
    {
        File = file;
        Tensor = tensor;
    }

    /// <summary>The file or folder the error was found in.</summary>
    public string File { get; }

    /// <summary>The tensor concerned, unescaped, or null where the error concerns the file.</summary>
    public string? Tensor { get; }
}

/// <summary>An input changed or became shorter while it was read: what was merged of it cannot be trusted, and nothing is published.</summary>
public sealed class InputChangedException : LayerSwapException
{
    internal InputChangedException(string file, string message)
        : base(message) => File = file;

    /// <summary>The file that changed.</summary>
    public string File { get; }
}

/// <summary>The inputs, rules or settings of a merge do not fit together. Found while planning: nothing has been written.</summary>
public sealed class MergeException : LayerSwapException
{
    internal MergeException(IReadOnlyList<string> problems)
        : base(problems.Count == 1 ? problems[0] : $"{problems.Count} problems, nothing was written:" + string.Concat(problems.Select(p => "\n  - " + p))) =>
        Problems = problems;

    internal MergeException(string problem)
        : this([problem])
    {
    }

    /// <summary>Every problem found, each a sentence of its own; at least one.</summary>
    public IReadOnlyList<string> Problems { get; }
}

/// <summary>The output could not be written: it exists, there is no room, or no permission. What was there before is still there.</summary>
public sealed class OutputException : LayerSwapException
{
    internal OutputException(string path, string message, Exception? inner = null)
        : base(message, inner) => Path = path;

    /// <summary>Whether the path itself was refused (it exists, it is an input) before anything was tried; otherwise writing failed.</summary>
    public bool Refused => InnerException is null && !NoRoom;

    internal bool NoRoom { get; init; }

    /// <summary>The output path concerned.</summary>
    public string Path { get; }
}
