using System.Text.Json;
using LayerSwap.Execution;
using LayerSwap.Reports;
using LayerSwap.Reports.Pictures;

namespace LayerSwap;

public sealed partial record MergePlan
{
    /// <summary>
    /// Formats one JSON object: <c>{tensors: [{name, dtype, shape, operation, strategy, rule, sources, detail, file, offset, bytes}],
    /// readBytes, writeBytes, peakMemoryBytes, warnings, identity}</c>. <c>identity</c> has every fact that the output's bytes depend on,
    /// by name: see <see cref="RequireSameAs"/>.
    /// </summary>
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

    /// <summary>Requires that an earlier plan, perhaps of another machine, has the same output as this one.</summary>
    /// <param name="json">The earlier plan, written by <see cref="ToJson"/>.</param>
    /// <exception cref="MergeException">The plans differ; the message names the differences.</exception>
    /// <exception cref="FormatException">The text is not a plan.</exception>
    public void RequireSameAs(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        Fact[] before;
        string? tensor;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json), now = JsonDocument.Parse(ToJson());
            JsonElement identity = document.RootElement.GetProperty("identity");
            before = [.. identity.EnumerateObject().Select(f => new Fact(f.Name, f.Value.GetString()!))];
            tensor = DifferentTensor(document.RootElement.GetProperty("tensors"), now.RootElement.GetProperty("tensors"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException($"The text is not a plan as JSON: {Printable.Escape(e.Message)}", e);
        }

        if (MergeFingerprint.DescribeDifferences(before, MergeFingerprint.Of(this)) is { } differences)
        {
            throw new MergeException(
                $"This is not the merge that was planned: {differences}. Remedy: plan again, and execute all parts by that plan.");
        }

        // The identity's digest was computed when the plan was made: only this comparison finds later edits of the list.
        if (tensor is not null)
        {
            throw new MergeException($"This is not the merge that was planned: the list of tensors differs at {Printable.Escape(tensor)}; "
                + "a plan cannot be changed by editing it. Remedy: plan again, with other options.");
        }
    }

    /// <summary>Finds the name of the first tensor that two plans treat differently; null if there is none.</summary>
    private static string? DifferentTensor(JsonElement before, JsonElement now)
    {
        if (before.GetArrayLength() != now.GetArrayLength())
        {
            return $"its length, {before.GetArrayLength()} where {now.GetArrayLength()} is expected";
        }

        foreach ((JsonElement earlier, JsonElement current) in before.EnumerateArray().Zip(now.EnumerateArray()))
        {
            if (!JsonElement.DeepEquals(earlier, current))
            {
                return current.GetProperty("name").GetString();
            }
        }

        return null;
    }

    /// <summary>Draws the layers, each coloured by its source models, as an SVG document.</summary>
    public string ToSvg()
    {
        return Svg.ToDocument(LayerStack.Of(this));
    }
}
