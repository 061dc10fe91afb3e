using LayerSwap.Reports;

namespace LayerSwap;

/// <summary>A verification as JSON.</summary>
public static class VerifyReportJson
{
    /// <summary>One JSON object: <c>{path, ok, files, tensors, bytes, hasRecord, problems: [{file, tensor, message}], unrecorded: [name]}</c>.</summary>
    public static string ToJson(this VerifyReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return JsonReport.Write(json =>
        {
            json.WriteString("path", report.Path);
            json.WriteBoolean("ok", report.Ok);
            json.WriteNumber("files", report.Files);
            json.WriteNumber("tensors", report.Tensors);
            json.WriteNumber("bytes", report.Bytes);
            json.WriteBoolean("hasRecord", report.HasRecord);
            json.Array("problems", report.Problems, p =>
            {
                json.WriteString("file", p.File);
                json.WriteString("tensor", p.Tensor);
                json.WriteString("message", p.Message);
            });
            json.Texts("unrecorded", report.Unrecorded);
        });
    }
}
