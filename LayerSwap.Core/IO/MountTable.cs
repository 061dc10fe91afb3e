using System.Globalization;
using System.Text;

namespace LayerSwap.IO;

/// <summary>
/// The mount points of the system. A bind mount makes a folder visible at a second path with other ancestors. The path within the file
/// system is the same through every mount.
/// </summary>
internal sealed class MountTable
{
    private const string Source = "/proc/self/mountinfo";
    private const int DeviceField = 2, RootField = 3, PointField = 4;

    private readonly List<Mount> _mounts = [];

    /// <summary>Reads the current mount table; empty on systems without one.</summary>
    public static MountTable Read()
    {
        MountTable table = new();
        foreach (string line in File.Exists(Source) ? File.ReadLines(Source) : [])
        {
            string[] fields = line.Split(' ');
            if (fields.Length > PointField)
            {
                table._mounts.Add(new Mount(fields[DeviceField], Unescape(fields[RootField]), Unescape(fields[PointField])));
            }
        }

        return table;
    }

    /// <summary>Whether a canonical path is a mount point, which cannot be renamed.</summary>
    public bool IsMountPoint(string path) => _mounts.Exists(m => m.Point == path);

    /// <summary>Finds the file system of a canonical path and the path within it. Null if the table is empty.</summary>
    public (string Device, string Path)? Locate(string path)
    {
        // Of several mounts at the longest matching point, the last one hides the others.
        Mount? mount = _mounts.Where(m => RealPath.Contains(m.Point, path)).Reverse().MaxBy(m => m.Point.Length);
        return mount is null ? null : (mount.Device, Join(mount.Root, path[(mount.Point == "/" ? 0 : mount.Point.Length)..]));
    }

    private static string Join(string root, string rest) => rest is "" or "/" ? root : root == "/" ? rest : root + rest;

    /// <summary>Decodes spaces, tabs, line feeds and backslashes, which the table writes as <c>\</c> and three octal digits.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        StringBuilder plain = new();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\'
                && i + 3 < text.Length
                && int.TryParse(text.AsSpan(i + 1, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int octal))
            {
                plain.Append((char)((octal / 100 * 64) + (octal / 10 % 10 * 8) + (octal % 10)));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }

        return plain.ToString();
    }

    private sealed record Mount(string Device, string Root, string Point);
}
