using BenchmarkDotNet.Running;
using LayerSwap.Benchmarks.Floor;
using LayerSwap.Benchmarks.Fuzz;
using LayerSwap.Benchmarks.Paper;
using LayerSwap.Benchmarks.Planning;
using LayerSwap.Benchmarks.Scale;

// `-- floor [--size 1GiB] [--threads N] [--rounds N]`: whole merges against plain copying, in one run. Anything not named here goes to BenchmarkDotNet.
if (args is ["floor", .. string[] options])
{
    return await FloorProgram.RunAsync(options);
}

// `-- paper [--models DIR]`: the paper's comparison on the miniature's trained models.
if (args is ["paper", .. string[] paper])
{
    return PaperProgram.Run(paper);
}

// `-- plan [--tensors N] [--rounds N]`: recipes planned over very many tensors.
if (args is ["plan", .. string[] planOptions])
{
    return await PlanProgram.RunAsync(planOptions);
}

// `-- scale [--only NAME] [--dir DIR] [--rounds N] [--large]`: the largest inputs; what is made is kept where DIR is given; exit code 1 where a limit is missed.
if (args is ["scale", .. string[] scale])
{
    return await ScaleProgram.RunAsync(scale);
}

// `-- fuzz [--minutes N] [--seed S] [--target NAME]`: spoilt inputs to every reader of input; exit code 1 where one does what it should not.
if (args is ["fuzz", .. string[] fuzzing])
{
    return FuzzProgram.Run(fuzzing);
}

BenchmarkSwitcher.FromAssembly(typeof(FloorProgram).Assembly).Run(args);
return 0;
