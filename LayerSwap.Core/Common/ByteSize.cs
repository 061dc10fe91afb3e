using System.Globalization;

namespace LayerSwap;

/// <summary>Sizes in bytes, in decimal units: <c>5.GB()</c> is 5,000,000,000.</summary>
public static class ByteSize
{
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

    /// <summary>Converts kilobytes (1,000 bytes) to bytes.</summary>
    public static long KB(this int value) => checked(value * 1_000L);

    /// <summary>Converts megabytes (1,000,000 bytes) to bytes.</summary>
    public static long MB(this int value) => checked(value * 1_000_000L);

    /// <summary>Converts gigabytes (1,000,000,000 bytes) to bytes.</summary>
    public static long GB(this int value) => checked(value * 1_000_000_000L);

    /// <summary>Formats a size with three digits and a unit: <c>16.1 GB</c>.</summary>
    public static string Format(long bytes)
    {
        double value = bytes;
        int unit = 0;
        while (Math.Abs(value) >= 999.5 && unit < Units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        string format = unit == 0 || Math.Abs(value) >= 99.95 ? "F0" : Math.Abs(value) >= 9.995 ? "F1" : "F2";
        return value.ToString(format, CultureInfo.InvariantCulture) + " " + Units[unit];
    }

    /// <summary>Parses <c>5GB</c>, <c>500 MB</c>, <c>2GiB</c> or a plain number of bytes.</summary>
    /// <returns>True if the text is a size of at least one byte that fits 64 bits.</returns>
    public static bool TryParse(string text, out long bytes)
    {
        ArgumentNullException.ThrowIfNull(text);
        bytes = 0;
        string trimmed = text.Trim();
        int digits = trimmed.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        decimal? factor = trimmed[digits..].Trim().ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "K" or "KB" => 1_000,
            "M" or "MB" => 1_000_000,
            "G" or "GB" => 1_000_000_000,
            "T" or "TB" => 1_000_000_000_000,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            "TIB" => 1L << 40,
            _ => null,
        };
        if (factor is null
            || !decimal.TryParse(trimmed[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
            || value > long.MaxValue / factor.Value)
        {
            return false;
        }

        decimal size = Math.Round(value * factor.Value);
        if (size < 1 || size > long.MaxValue)
        {
            return false;
        }

        bytes = (long)size;
        return true;
    }
}
