// What fine-tuning changed, as one page with pictures: dotnet run samples/diff.cs -- BASE MODEL... OUT.html
#:project ../LayerSwap.Core
#:property PublishAot=false

using LayerSwap;

if (args.Length < 3)
{
    Console.Error.WriteLine("usage: dotnet run samples/diff.cs -- BASE MODEL... OUT.html");
    return 2;
}

ICheckpoint[] models = [.. args[..^1].Select(Checkpoint.Open)];
LayerDiffReport diff = await LayerDiff.From(models[0]).To(models[1..]).WithProfiles().RunAsync();
Console.WriteLine(diff);

// Layers of the first model that changed most, and a merge made of what the diff says.
Console.WriteLine($"most changed in {diff.Models[0]}: {diff.In(models[1]).Top(3)}");
MergePlan? plan = models.Length > 2 ? Merge.Onto(models[1]).Swap(diff.MoreIn(models[2]).Contiguous(), from: models[2]).Plan() : null;
diff.SaveHtml(args[^1], plan);
Array.ForEach(models, m => m.Dispose());
return 0;
