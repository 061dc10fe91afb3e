// Layer swapping in one file: dotnet run samples/swap.cs -- TASK LANGUAGE OUT
#:project ../LayerSwap.Core
#:property PublishAot=false

using LayerSwap;

if (args is not [string taskPath, string languagePath, string output])
{
    Console.Error.WriteLine("usage: dotnet run samples/swap.cs -- TASK LANGUAGE OUT");
    return 2;
}

using ICheckpoint task = Checkpoint.Open(taskPath), language = Checkpoint.Open(languagePath);
int layers = LayerMap.Of(task.Tensors).LayerCount;
MergePlan plan = Merge.LayerSwap(task, language, LayerSwapOptions.PaperScaledTo(layers)).Plan();
Console.WriteLine(plan);
Console.WriteLine(await plan.ExecuteAsync(output));
return 0;
