using System.Runtime.InteropServices;
using LayerSwap.Checkpoints.Lora;
using LayerSwap.Checkpoints.SafeTensors;

namespace LayerSwap.Benchmarks.Synthetic;

/// <summary>Writes a LoRA adapter with pseudo-random factors for every matrix in the layers of a model.</summary>
internal static class GeneratedAdapter
{
    public static void Write(string folder, ICheckpoint model, int rank)
    {
        List<TensorInfo> tensors = [];
        foreach (TensorInfo weight in model.Tensors.Where(t => t.Shape.Rank == 2 && t.Name.Contains(".layers.", StringComparison.Ordinal)))
        {
            string module = "base_model.model." + weight.Name[..^".weight".Length];
            Add(module + ".lora_A.weight", rank, weight.Shape[1]);
            Add(module + ".lora_B.weight", weight.Shape[0], rank);
        }

        Directory.CreateDirectory(folder);
        using FileStream file = new(Path.Combine(folder, "adapter_model.safetensors"), FileMode.CreateNew);
        TensorInfo[] ordered = [.. SafeTensorsHeaderWriter.Order(tensors)];
        file.Write(SafeTensorsHeaderWriter.Write(ordered, new Dictionary<string, string>(StringComparer.Ordinal)));
        Random random = new(1);
        foreach (TensorInfo tensor in ordered)
        {
            float[] values = [.. Enumerable.Range(0, (int)tensor.ElementCount).Select(_ => (random.NextSingle() - 0.5f) * 0.02f)];
            file.Write(MemoryMarshal.AsBytes<float>(values));
        }

        File.WriteAllText(
            Path.Combine(folder, AdapterConfig.FileName),
            $$"""{"peft_type": "LORA", "r": {{rank}}, "lora_alpha": {{2 * rank}}, "base_model_name_or_path": "base"}""");

        void Add(string name, long rows, long columns) =>
            tensors.Add(new TensorInfo(name, DType.Float32, new TensorShape(rows, columns)));
    }
}
