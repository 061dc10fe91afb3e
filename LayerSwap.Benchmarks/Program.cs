using BenchmarkDotNet.Running;
using LayerSwap.Benchmarks.Floor;
using LayerSwap.Benchmarks.Paper;

// `-- floor [--size 1GiB] [--threads N] [--rounds N]`: whole merges against plain copying, in one run. Anything else goes to BenchmarkDotNet.
if (args is ["floor", .. string[] options])
{
    return await FloorProgram.RunAsync(options);
}

// `-- paper [--models DIR]`: the paper's comparison on the miniature's trained models.
if (args is ["paper", .. string[] paper])
{
    return PaperProgram.Run(paper);
}

BenchmarkSwitcher.FromAssembly(typeof(FloorProgram).Assembly).Run(args);
return 0;
