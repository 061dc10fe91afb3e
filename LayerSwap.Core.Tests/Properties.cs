using System.Globalization;
using FsCheck;

namespace LayerSwap.Tests;

/// <summary>How properties are checked: from a fixed seed, so that a run can be repeated; LAYERSWAP_SEED=N explores elsewhere.</summary>
internal static class Properties
{
    public static Config Config { get; } = Config.QuickThrowOnFailure.WithReplay(
        ulong.Parse(Environment.GetEnvironmentVariable("LAYERSWAP_SEED") ?? "20241001", CultureInfo.InvariantCulture), 1335);
}
