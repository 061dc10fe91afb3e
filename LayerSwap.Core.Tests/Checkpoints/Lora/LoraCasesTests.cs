using System.Globalization;
using System.Text.RegularExpressions;

namespace LayerSwap.Tests.Checkpoints.Lora;

/// <summary>Adapters made by PEFT, applied to their bases, and damaged ones, with the expected tensors and a verdict for each.</summary>
public sealed partial class LoraCasesTests
{
    private static readonly IReadOnlyDictionary<string, string>[] Rows = FormatCases.Read("lora");

    public static TheoryData<string> Merges =>
        [.. Rows.Where(r => r["operation"].StartsWith("merge", StringComparison.Ordinal) && r["expected"] != "-").Select(r => r["case"])];

    public static TheoryData<string> Refusals => [.. Rows.Where(r => r["tolerance or verdict"] == "refuse").Select(r => r["case"])];

    public static TheoryData<string> Sums => [.. Rows.Where(r => r["operation"] == "add adapters to the base").Select(r => r["case"])];

    [Theory]
    [MemberData(nameof(Merges))]
    public async Task An_adapter_applied_gives_the_expected_tensors(string name)
    {
        IReadOnlyDictionary<string, string> row = Rows.Single(r => r["case"] == name);
        (string basePath, string adapter) = Split(row["inputs"]);
        double weight = row["operation"] == "merge with weight -1" ? -1 : 1;
        using ICheckpoint adapted = Checkpoint.Open($"{basePath}+{adapter}"), @base = Checkpoint.Open(basePath);
        foreach (string file in row["expected"].Split("; "))
        {
            DType dtype = file.Contains(".bf16.", StringComparison.Ordinal) ? DType.BFloat16 : DType.Float32;
            MergeBuilder merge = weight < 0 ? Merge.Onto(@base).With(adapted, weight).TaskArithmetic() : Merge.Onto(adapted);
            using TempFolder temp = new();
            await merge.As(dtype).SaveAsync(temp["out"]);
            using ICheckpoint found = Checkpoint.Open(temp["out"]);
            Compare(file, dtype, @base, found, row["tolerance or verdict"]);
            CheckConfig(row["reason"], temp["out"], found);
        }
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_cannot_be_applied_is_refused_with_a_remedy(string name)
    {
        (string basePath, string adapter) = Split(Rows.Single(r => r["case"] == name)["inputs"]);

        CheckpointException e = Assert.Throws<CheckpointException>(() => Checkpoint.Open($"{basePath}+{adapter}").Dispose());

        Assert.Contains("Remedy", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [MemberData(nameof(Sums))]
    public async Task Weighted_sums_of_adapters_are_exact(string name)
    {
        IReadOnlyDictionary<string, string> row = Rows.Single(r => r["case"] == name);
        string[] words = row["inputs"].Split(' ');
        string basePath = Fixture.Path("lora", "bases", words[0]);
        using ICheckpoint @base = Checkpoint.Open(basePath);
        List<ICheckpoint> open = [];
        try
        {
            MergeBuilder merge = Merge.Onto(@base);
            foreach (string[] part in words.Skip(2).Select(w => w.Split('*')))
            {
                open.Add(Checkpoint.Open($"{basePath}+{Fixture.Path("lora", "adapters", part[1])}"));
                merge = merge.With(open[^1], double.Parse(part[0], CultureInfo.InvariantCulture));
            }

            foreach (string file in row["expected"].Split("; "))
            {
                DType dtype = file.Contains(".bf16.", StringComparison.Ordinal) ? DType.BFloat16 : DType.Float32;
                using TempFolder temp = new();
                await merge.TaskArithmetic().As(dtype).SaveAsync(temp["out"]);
                using ICheckpoint found = Checkpoint.Open(temp["out"]);
                Compare(file, dtype, @base, found, row["tolerance or verdict"]);
            }
        }
        finally
        {
            open.ForEach(c => c.Dispose());
        }
    }

    /// <summary>An expected file has the tensors that changed or are new. All others must equal the base.</summary>
    private static void Compare(string file, DType dtype, ICheckpoint @base, ICheckpoint found, string tolerance)
    {
        using ICheckpoint expected = Checkpoint.Open(Fixture.Path("lora", "expected", file));
        Assert.Equal(
            @base.Tensors.Concat(expected.Tensors).Select(t => t.Name).Distinct().Order(StringComparer.Ordinal),
            found.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        foreach (TensorInfo tensor in found.Tensors)
        {
            ICheckpoint reference = expected.Find(tensor.Name) is null ? @base : expected;
            Assert.Equal(reference.Find(tensor.Name)!.Shape, tensor.Shape);
            double[] wanted = SmallModels.Values(reference, tensor.Name), values = SmallModels.Values(found, tensor.Name);
            // Unchanged tensors of a wider base are rounded by the merge.
            double limit = reference == @base && reference.Find(tensor.Name)!.DType != tensor.DType ? -0.5 : Limit(tolerance, dtype);
            for (int i = 0; i < wanted.Length; i++)
            {
                double ulp = Math.ScaleB(1, Math.ILogB(Math.Max(Math.Abs(wanted[i]), 1e-30)) - (dtype == DType.BFloat16 ? 7 : 23));
                double allowed = limit < 0 ? -limit * ulp : limit;
                Assert.True(Math.Abs(values[i] - wanted[i]) <= allowed, $"{file} {tensor} [{i}]: {values[i]} instead of {wanted[i]}");
            }
        }
    }

    /// <summary>The largest accepted difference: absolute, or negative in ulp.</summary>
    private static double Limit(string tolerance, DType dtype)
    {
        string kind = dtype == DType.BFloat16 ? "bf16:" : "f32:";
        string part = tolerance.Split(';').FirstOrDefault(p => p.Contains(kind, StringComparison.Ordinal)) ?? tolerance;
        Match ulp = Ulp().Match(part);
        return ulp.Success ? -double.Parse(ulp.Groups["n"].Value, CultureInfo.InvariantCulture)
            : part.Contains("5e-7", StringComparison.Ordinal) ? 5e-7
            : part.Contains("1e-6", StringComparison.Ordinal) ? 1e-6
            : 0;
    }

    private static void CheckConfig(string reason, string folder, ICheckpoint found)
    {
        string config = File.ReadAllText(System.IO.Path.Combine(folder, "config.json"));
        if (reason.Contains("tie_word_embeddings false", StringComparison.Ordinal))
        {
            Assert.Contains("\"tie_word_embeddings\": false", config, StringComparison.Ordinal);
            Assert.NotNull(found.Find("lm_head.weight"));
        }

        if (reason.Contains("vocab_size 39", StringComparison.Ordinal))
        {
            Assert.Contains("\"vocab_size\": 39", config, StringComparison.Ordinal);
        }
    }

    private static (string Base, string Adapter) Split(string inputs)
    {
        string[] parts = inputs.Split(" + ");
        return (Fixture.Path("lora", parts[0]), Fixture.Path("lora", parts[1]));
    }

    [GeneratedRegex(@"(?<n>\d+) ulp", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Ulp();
}
