using System.Globalization;
using FsCheck;

namespace LayerSwap.Tests;

/// <summary>Checks properties from a fixed seed; LAYERSWAP_SEED=N sets another one.</summary>
internal static class Properties
{
    public static Config Config { get; } = Config.QuickThrowOnFailure.WithReplay(
        ulong.Parse(Environment.GetEnvironmentVariable("LAYERSWAP_SEED") ?? "20241001", CultureInfo.InvariantCulture), 1335);
}
