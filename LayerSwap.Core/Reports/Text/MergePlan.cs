using System.Text.Json;
using LayerSwap.Execution;
using LayerSwap.Reports;
using LayerSwap.Reports.Pictures;

namespace LayerSwap;

public sealed partial record MergePlan
{
    /// <summary>One JSON object: <c>{tensors: [{name, dtype, shape, operation, strategy, rule, sources, detail, file, offset, bytes}], readBytes, writeBytes, peakMemoryBytes, warnings, identity}</c>; <c>identity</c> is all that the output's bytes depend on, by name: see <see cref="RequireSameAs"/>.</summary>
    public string ToJson()
    {
        return JsonReport.Write(json =>
        {
            json.Array("tensors", Tensors, t =>
            {
                json.WriteString("name", t.Tensor.Name);
                json.WriteString("dtype", t.Tensor.DType.Code());
                json.Shape(t.Tensor.Shape);
                json.WriteString("operation", t.Operation.ToString().ToLowerInvariant());
                json.WriteString("strategy", t.Strategy);
                json.WriteString("rule", t.Rule);
                json.Texts("sources", t.Sources);
                json.WriteString("detail", t.Detail);
                json.WriteString("file", t.File);
                json.WriteNumber("offset", t.Offset);
                json.WriteNumber("bytes", t.Tensor.ByteLength);
            });
            json.WriteNumber("readBytes", ReadBytes);
            json.WriteNumber("writeBytes", WriteBytes);
            json.WriteNumber("peakMemoryBytes", PeakMemoryBytes);
            json.Texts("warnings", Warnings);
            json.WriteStartObject("identity");
            foreach ((string name, string value) in MergeFingerprint.Of(this))
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
        });
    }

    /// <summary>Refuses to take a plan for one that was written before, perhaps on another machine, where its output would be another.</summary>
    /// <param name="json">What <see cref="ToJson"/> gave then.</param>
    /// <exception cref="MergeException">They differ: in what is said.</exception>
    /// <exception cref="FormatException">The text is no plan.</exception>
    public void RequireSameAs(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        Fact[] before;
        string? tensor;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json), now = JsonDocument.Parse(ToJson());
            before = [.. document.RootElement.GetProperty("identity").EnumerateObject().Select(f => new Fact(f.Name, f.Value.GetString()!))];
            tensor = DifferentTensor(document.RootElement.GetProperty("tensors"), now.RootElement.GetProperty("tensors"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException($"The text is not a plan as JSON: {Printable.Escape(e.Message)}", e);
        }

        if (MergeFingerprint.Differences(before, MergeFingerprint.Of(this)) is { } differences)
        {
            throw new MergeException($"This is not the merge that was planned: {differences}. Remedy: plan again, and execute all parts by that plan.");
        }

        // The digest in the identity is of the plan as it was made: what was edited afterwards is found here.
        if (tensor is not null)
        {
            throw new MergeException($"This is not the merge that was planned: the list of tensors differs at {Printable.Escape(tensor)}; a plan cannot be changed by editing it. Remedy: plan again, with other options.");
        }
    }

    /// <summary>The name of the first tensor that two plans treat differently; null if they treat all alike.</summary>
    private static string? DifferentTensor(JsonElement before, JsonElement now)
    {
        if (before.GetArrayLength() != now.GetArrayLength())
        {
            return $"its length, {before.GetArrayLength()} where {now.GetArrayLength()} is expected";
        }

        foreach ((JsonElement one, JsonElement other) in before.EnumerateArray().Zip(now.EnumerateArray()))
        {
            if (!JsonElement.DeepEquals(one, other))
            {
                return other.GetProperty("name").GetString();
            }
        }

        return null;
    }

    /// <summary>A stack of layers, each coloured by the models it comes from, as an SVG document.</summary>
    public string ToSvg()
    {
        return Svg.Alone(LayerStack.Of(this));
    }
}
