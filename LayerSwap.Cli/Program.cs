using System.CommandLine;
using LayerSwap.Cli;
using LayerSwap.Cli.Commands;

StandardStreams.Secure();
RootCommand root = new(
    "LayerSwap merges language models: layer swapping (arXiv:2410.01335), soups, task arithmetic, over safetensors checkpoints.")
{
    InspectCommand.Create(),
    DiffCommand.Create(),
    SwapCommand.Create(planOnly: false),
    MergeCommand.Create(planOnly: false),
    new Command("plan", "Shows what swap or merge would do; writes nothing.\n\nExample: layerswap plan swap --task math --language swahili")
    {
        SwapCommand.Create(planOnly: true),
        MergeCommand.Create(planOnly: true),
    },
    ConvertCommand.Create(),
    VerifyCommand.Create(),
    CleanCommand.Create(),
    DemoCommand.Create(),
};
root.Subcommands.Add(RunCommand.Create(root));
root.Subcommands.Add(RunCommand.CreateFinish(root));
Terminal.AddOptions(root);
return await ExitCode.RunAsync(root, args);
