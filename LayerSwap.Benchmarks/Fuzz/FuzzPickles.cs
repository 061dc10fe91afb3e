namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>Small pickles, one byte a character, with most opcodes and globals that are read.</summary>
internal static class FuzzPickles
{
    private const string Dictionary = "ccollections\nOrderedDict\n)R";

    private const string Storage = "(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0006tQ";

    private const string Tensor =
        "ctorch._utils\n_rebuild_tensor_v2\n(" + Storage + "K\0K\u0002K\u0003\u0086K\u0003K\u0001\u0086\u0089" + Dictionary + "tR";

    private const string Float8 = "ctorch._utils\n_rebuild_tensor_v3\n((X\u0007\0\0\0storagectorch.storage\nUntypedStorage\n"
        + "X\u0001\0\0\01X\u0003\0\0\0cpuM\u0010\0tQK\u0001K\u0004\u0085K\u0002\u0085\u0089" + Dictionary
        + "ctorch\nfloat8_e4m3fn\n}tR";

    public static IReadOnlyList<string> All { get; } =
    [
        "\u0080\u0002" + Dictionary + "q\0(X\u0001\0\0\0a" + Tensor + "X\u0001\0\0\0b" + Float8 + "u}X\u0009\0\0\0_metadataNsb.",
        "\u0080\u0004\u0095\u0040\0\0\0\0\0\0\0}\u0094(\u008c\u0005model}\u008c\u0001w" + Tensor + "s\u008c\u0004loss"
            + "G\u003f\u00f0\0\0\0\0\0\0\u008c\u0003setc__builtin__\nset\n](K\u0001\u008a\u0002\u00ff\u007fe\u0085Ru.",
        "\u0080\u0005\u008f(N\u0088J\u0001\0\0\0C\u0002ab\u0090.",
        "\u0080\u0002ctorch._utils\n_rebuild_parameter\n(" + Tensor + "\u0088" + Dictionary + "tRr\u0001\0\0\0j\u0001\0\0\0\u0086.",
    ];
}
