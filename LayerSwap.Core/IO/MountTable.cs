using System.Globalization;
using System.Text;

namespace LayerSwap.IO;

/// <summary>
/// Where folders of file systems are mounted. A bind mount shows a folder at a second place, whose ancestors there are others than at the first: this gives a place its path within its file system, which is
/// the same through every mount.
/// </summary>
internal sealed class MountTable
{
    private const string Source = "/proc/self/mountinfo";
    private const int DeviceField = 2, RootField = 3, PointField = 4;

    private readonly List<Mount> _mounts = [];

    /// <summary>Reads the table as it is now; empty where the system has none.</summary>
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

    /// <summary>Whether something is mounted at a canonical path: it cannot be renamed.</summary>
    public bool IsMountPoint(string path) => _mounts.Exists(m => m.Point == path);

    /// <summary>The file system of a canonical path and the path within it; null where the table is empty.</summary>
    public (string Device, string Path)? PlaceOf(string path)
    {
        // The last of those that are mounted upon one another counts.
        Mount? mount = _mounts.LastOrDefault(m => RealPath.Contains(m.Point, path) && !_mounts.Exists(o => o.Point.Length > m.Point.Length && RealPath.Contains(o.Point, path)));
        return mount is null ? null : (mount.Device, Join(mount.Root, path[(mount.Point == "/" ? 0 : mount.Point.Length)..]));
    }

    private static string Join(string root, string rest) => rest is "" or "/" ? root : root == "/" ? rest : root + rest;

    /// <summary>Spaces, tabs, line feeds and backslashes are written as three octal digits.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        StringBuilder plain = new();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && int.TryParse(text.AsSpan(i + 1, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int octal))
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
