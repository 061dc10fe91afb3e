using System.Runtime.Versioning;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>The tool without permissions. Root has all permissions, so the tool runs as nobody.</summary>
[SupportedOSPlatform("linux")]
public sealed class PermissionTests : IDisposable
{
    private const UnixFileMode Everybody = (UnixFileMode)0x1FF;

    private readonly TempFolder _folder = new();

    private static string[] Swap =>
        ["swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--quiet"];

    public void Dispose() => _folder.Dispose();

    [NeedsFact(Needs.Nobody)]
    public void A_read_only_parent_folder_ends_the_run_without_leftovers()
    {
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0x1ED);

        foreach (string output in (string[])[_folder["out"], _folder["new", "out"]])
        {
            ToolRun run = Tool.RunUnder(Outside.AsNobody, [.. Swap, "-o", output]);
            Assert.True(run.Exit == 4, run.ToString());
            Assert.StartsWith($"layerswap: {output} could not be written: ", run.Error, StringComparison.Ordinal);
            Assert.Contains("permissions", run.Error, StringComparison.Ordinal);
            Assert.Empty(Folders.Names(_folder.Path));
        }
    }

    [NeedsFact(Needs.Nobody)]
    public void An_old_output_of_another_user_is_unchanged()
    {
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0x1ED);
        Folders.CopyDemo("base", _folder["out"]);
        string[] before = Folders.Snapshot(_folder.Path);

        ToolRun run = Tool.RunUnder(Outside.AsNobody, [.. Swap, "--overwrite", "-o", _folder["out"]]);

        Assert.True(run.Exit == 4, run.ToString());
        Assert.Contains("What was there before is unchanged.", run.Error, StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_folder.Path));
    }

    [NeedsTheory(Needs.Nobody)]
    [InlineData("000", 0x1B6, 0x1FF)]
    [InlineData("022", 0x1A4, 0x1ED)]
    [InlineData("027", 0x1A0, 0x1E8)]
    [InlineData("077", 0x180, 0x1C0)]
    public void Files_and_folders_have_the_modes_given_by_the_umask(string umask, int file, int folder)
    {
        File.SetUnixFileMode(_folder.Path, Everybody);

        ToolRun run = Tool.RunUnder(
            [.. Outside.AsNobody, "sh", "-c", $"umask {umask}; exec \"$@\"", "sh"],
            [.. Swap, "--shard-size", "100KB", "-o", _folder["new", "out"]]);

        Assert.True(run.Exit == 0, run.ToString());
        Assert.Equal((UnixFileMode)folder, File.GetUnixFileMode(_folder["new"]));
        Assert.Equal((UnixFileMode)folder, File.GetUnixFileMode(_folder["new", "out"]));
        Assert.All(Directory.EnumerateFiles(_folder["new", "out"]), f => Assert.True(File.GetUnixFileMode(f) == (UnixFileMode)file, f));
    }
}
