using BenchmarkDotNet.Running;
using LayerSwap.Benchmarks.Floor;

// `-- floor [--size 1GiB] [--threads N] [--rounds N]`: whole merges against plain copying, in one run. Anything else goes to BenchmarkDotNet.
if (args is ["floor", .. string[] options])
{
    return await FloorProgram.RunAsync(options);
}

BenchmarkSwitcher.FromAssembly(typeof(FloorProgram).Assembly).Run(args);
return 0;
