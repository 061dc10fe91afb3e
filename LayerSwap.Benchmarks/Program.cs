using BenchmarkDotNet.Running;
using LayerSwap.Benchmarks;
using LayerSwap.Benchmarks.Floor;
using LayerSwap.Benchmarks.Fuzz;
using LayerSwap.Benchmarks.Paper;
using LayerSwap.Benchmarks.Planning;
using LayerSwap.Benchmarks.Scale;

// Programs by name; all other arguments go to BenchmarkDotNet.
BenchmarkProgram[] programs =
[
    new(
        "floor",
        "whole merges relative to plain copying, in one run",
        "[--size 1GiB] [--threads N] [--rounds N] [--only NAME] [--alone] [--instructions avx2|scalar] [--dir DIR] [--results DIR]",
        FloorProgram.RunAsync),
    new(
        "paper",
        "the paper's comparison on two sets of trained models; exit code 1 if a number is not reproduced",
        "[--models DIR] [--results DIR]",
        options => Task.FromResult(PaperProgram.Run(options))),
    new(
        "plan",
        "planning of recipes over very many tensors",
        "[--tensors N] [--rounds N] [--only NAME]",
        PlanProgram.RunAsync),
    new(
        "scale",
        "the largest inputs; exit code 1 if a limit is missed",
        $"[--only NAME] [--dir DIR] [--rounds N] [--large] [{RowProcess.Argument} NAME, which runs one row in this process]",
        ScaleProgram.RunAsync),
    new(
        "fuzz",
        "mutated inputs to every reader of input; exit code 1 if there are findings",
        "[--minutes N] [--seed S] [--from N] [--count N] [--target NAME] [--corpus DIR] [--out DIR]",
        options => Task.FromResult(FuzzProgram.Run(options))),
];
if (programs.FirstOrDefault(p => args.Length > 0 && args[0] == p.Name) is { } program)
{
    return await program.RunAsync(args[1..]);
}

if (args is [] or ["--help" or "-h"])
{
    Array.ForEach(programs, p => Console.WriteLine(p.Usage));
    return 0;
}

BenchmarkSwitcher.FromAssembly(typeof(FloorProgram).Assembly).Run(args);
return 0;
