namespace LayerSwap.Tests;

/// <summary>A temporary folder, deleted with its contents.</summary>
internal sealed class TempFolder : IDisposable
{
    /// <param name="inMemory">Whether it may lie in memory, where the system has such a place: for tests of many small runs, each of which
    /// would wait for the disk.</param>
    public TempFolder(bool inMemory = false) => Path = inMemory && Directory.Exists("/dev/shm")
        ? Directory.CreateDirectory(System.IO.Path.Combine("/dev/shm", "layerswap-test-" + Guid.NewGuid().ToString("N"))).FullName
        : Directory.CreateTempSubdirectory("layerswap-test-").FullName;

    public string Path { get; }

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
