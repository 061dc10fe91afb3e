using LayerSwap.Reports;

namespace LayerSwap;

public sealed partial record VerifyReport
{
    /// <summary>
    /// Formats one JSON object: <c>{path, ok, files, tensors, bytes, hasRecord, problems: [{file, tensor, message}],
    /// unrecorded: [name]}</c>.
    /// </summary>
    public string ToJson()
    {
        return JsonReport.Write(json =>
        {
            json.WriteString("path", Path);
            json.WriteBoolean("ok", Ok);
            json.WriteNumber("files", Files);
            json.WriteNumber("tensors", Tensors);
            json.WriteNumber("bytes", Bytes);
            json.WriteBoolean("hasRecord", HasRecord);
            json.Array("problems", Problems, p =>
            {
                json.WriteString("file", p.File);
                json.WriteString("tensor", p.Tensor);
                json.WriteString("message", p.Message);
            });
            json.Texts("unrecorded", Unrecorded);
        });
    }
}
