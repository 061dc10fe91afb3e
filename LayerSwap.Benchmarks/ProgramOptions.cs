namespace LayerSwap.Benchmarks;

/// <summary>The options of the plain programs: a name, and its value behind it.</summary>
internal static class ProgramOptions
{
    /// <returns>Null where the option is not given.</returns>
    public static string? Value(string[] options, string name)
    {
        int at = Array.IndexOf(options, name);
        return at < 0 ? null : at + 1 < options.Length ? options[at + 1] : throw new ArgumentException($"{name} needs a value.");
    }
}
