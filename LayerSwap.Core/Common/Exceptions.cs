namespace LayerSwap;

/// <summary>The base class of all LayerSwap exceptions. Messages say what was found, where, what was expected, and the remedy.</summary>
public abstract class LayerSwapException : Exception
{
    private protected LayerSwapException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>A checkpoint violates its format. No part of it is used.</summary>
public sealed class CheckpointException : LayerSwapException
{
    internal CheckpointException(string file, string? tensor, string message, Exception? inner = null)
        : base(message, inner)
    {
        File = file;
        Tensor = tensor;
    }

    /// <summary>The file or folder with the error.</summary>
    public string File { get; }

    /// <summary>The unescaped name of the tensor with the error, or null if the error concerns the file.</summary>
    public string? Tensor { get; }
}

/// <summary>An input changed or was truncated while it was read. Its data cannot be trusted, so nothing is published.</summary>
public sealed class InputChangedException : LayerSwapException
{
    internal InputChangedException(string file, string message)
        : base(message) => File = file;

    /// <summary>The file that changed.</summary>
    public string File { get; }
}

/// <summary>The inputs, rules or settings of a merge are incompatible. Thrown during planning: nothing has been written.</summary>
public sealed class MergeException : LayerSwapException
{
    internal MergeException(IReadOnlyList<string> problems)
        : base(problems.Count == 1
            ? problems[0]
            : $"{problems.Count} problems, nothing was written:" + string.Concat(problems.Select(p => "\n  - " + p))) =>
        Problems = problems;

    /// <summary>Creates an exception with one problem, such as that of a strategy of one's own.</summary>
    /// <param name="problem">The problem: found, where, expected, remedy.</param>
    public MergeException(string problem)
        : this([problem])
    {
    }

    /// <summary>All problems found, each in its own sentence; at least one.</summary>
    public IReadOnlyList<string> Problems { get; }
}

/// <summary>The output could not be written: it exists, the disk is full, or permission is missing. Existing files are unchanged.</summary>
public sealed class OutputException : LayerSwapException
{
    internal OutputException(string path, string message, Exception? inner = null)
        : base(message, inner) => Path = path;

    /// <summary>True if the path was refused before any write, because it exists or is an input. False if a write failed.</summary>
    public bool Refused => InnerException is null && !DiskFull;

    internal bool DiskFull { get; init; }

    /// <summary>The output path.</summary>
    public string Path { get; }
}
