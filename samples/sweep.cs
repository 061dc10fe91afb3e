// Finds the layers to swap by trying: dotnet run samples/sweep.cs -- MATH LANGUAGE VALIDATION.jsonl
// Candidates are computed when they are read; nothing is written. The scorer here is the share of problems that a small Llama answers, by
// the forward pass of LayerSwap.Benchmarks; use any other evaluation in its place. Models and problems to try are in LayerSwap.Cli/Demo and
// LayerSwap.Core.Tests/Fixtures/miniature-2.
#:project ../LayerSwap.Core
#:project ../LayerSwap.Benchmarks
#:property PublishAot=false

using LayerSwap;
using LayerSwap.Benchmarks.Forward;

if (args is not [string mathPath, string languagePath, string validation])
{
    Console.Error.WriteLine("usage: dotnet run samples/sweep.cs -- MATH LANGUAGE VALIDATION.jsonl");
    return 2;
}

using ICheckpoint math = Checkpoint.Open(mathPath), language = Checkpoint.Open(languagePath);
Problem[] problems = Problem.Read(validation);

Progress<SweepProgress> progress = new(p => Console.Error.WriteLine($"{p.Done} of {p.Total}: {p.Last.Name} {p.Last.Score:F3}"));
SweepReport report = await Merge.SweepAsync(
    [
        new SweepCandidate { Name = "soup", Merge = Merge.Soup(math, language) },
        .. SweepCandidate.LayerSwaps(math, language, bottom: [0, 2, 4, 6], top: [0, 1, 2], transition: [0, 1]),
    ],
    (merged, _) => Task.FromResult(Problem.Accuracy(merged, problems)),
    new SweepOptions { Progress = progress });
Console.WriteLine(report);
return 0;
