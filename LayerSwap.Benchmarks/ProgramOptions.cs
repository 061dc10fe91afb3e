namespace LayerSwap.Benchmarks;

/// <summary>Parses options of the form --name value.</summary>
internal static class ProgramOptions
{
    /// <returns>The value, or null if the option is not given.</returns>
    public static string? GetValue(string[] options, string name)
    {
        int index = Array.IndexOf(options, name);
        if (index < 0)
        {
            return null;
        }

        return index + 1 < options.Length ? options[index + 1] : throw new ArgumentException($"{name} needs a value.");
    }
}
