using LayerSwap.Reports;
using LayerSwap.Reports.Pictures;

namespace LayerSwap;

/// <summary>A plan as JSON and as a picture.</summary>
public static class MergePlanReport
{
    /// <summary>One JSON object: <c>{tensors: [{name, dtype, shape, operation, strategy, rule, sources, detail, file, offset, bytes}], readBytes, writeBytes, peakMemoryBytes, warnings}</c>.</summary>
    public static string ToJson(this MergePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return JsonReport.Write(json =>
        {
            json.Array("tensors", plan.Tensors, t =>
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
            json.WriteNumber("readBytes", plan.ReadBytes);
            json.WriteNumber("writeBytes", plan.WriteBytes);
            json.WriteNumber("peakMemoryBytes", plan.PeakMemoryBytes);
            json.Texts("warnings", plan.Warnings);
        });
    }

    /// <summary>A stack of layers, each coloured by the models it comes from, as an SVG document.</summary>
    public static string ToSvg(this MergePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return Svg.Alone(LayerStack.Of(plan));
    }
}
