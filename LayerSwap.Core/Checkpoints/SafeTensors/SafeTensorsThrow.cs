namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>Creates every error about a safetensors file. Each message says what was found, where, and what was expected.</summary>
internal sealed class SafeTensorsThrow(string file)
{
    private const string Remedy = "The file is damaged or was written by a faulty program: fetch or write it again.";

    public CheckpointException TooShort(long length) =>
        Error(null, $"it has {length} bytes; at least 8 are expected, for the length of the header. Remedy: {Remedy}");

    public CheckpointException HeaderTooLong(ulong length) =>
        Error(null, $"it declares a header of {length} bytes; at most {SafeTensorsFormat.MaxHeaderLength} are allowed. "
            + RemedyFor(length));

    public CheckpointException HeaderPastEnd(ulong length, long fileLength)
    {
        long available = fileLength - SafeTensorsFormat.PrefixLength;
        return Error(null, $"it declares a header of {length} bytes, but only {available} bytes follow the length. {RemedyFor(length)}");
    }

    public CheckpointException NotUtf8(long offset) =>
        Error(null, $"its header is not valid UTF-8: the first invalid byte is at offset {offset} of the file. Remedy: {Remedy}");

    public CheckpointException NotJson(long line, long column, string reason, Exception? inner = null) =>
        Error(null, $"its header is not the expected JSON, at line {line}, column {column}: {Printable.Escape(reason)} "
            + $"Remedy: {Remedy}", inner);

    public CheckpointException Duplicate(string key, string? tensor) =>
        Error(tensor, $"the name {Printable.Escape(key)} occurs twice in its header; names must be unique. Remedy: {Remedy}");

    public CheckpointException NameTooLong(int length) =>
        Error(null, $"a tensor's name has {length} bytes; "
            + $"at most {SafeTensorsFormat.MaxNameLength} are accepted (a limit of LayerSwap's own).");

    public CheckpointException MetadataTooLong() =>
        Error(null, $"its __metadata__ has more than {SafeTensorsFormat.MaxMetadataLength} bytes; "
            + "no more are accepted (a limit of LayerSwap's own).");

    public CheckpointException ShapeTooLarge(string tensor, string shape) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: shape is {shape}; extents below 2^63, with a product below 2^63 "
            + "multiplied from the left, are accepted (a limit of LayerSwap's own: docs/formats.md).");

    public CheckpointException Field(string tensor, string field, string found, string expected) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: {field} is {Printable.Escape(found)}; expected is {expected}. Remedy: {Remedy}");

    public CheckpointException Size(string tensor, DType dtype, string shape, string expected, ulong found) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: {dtype.Code()} {shape} needs {expected}, "
            + $"but its data_offsets span {found} bytes. Remedy: {Remedy}");

    public CheckpointException Gap(string tensor, ulong begin, ulong expected, string? previous)
    {
        string before = previous is null ? "the data starts at 0" : $"tensor {Printable.Escape(previous)} ends at {expected}";
        string what = begin > expected ? $"a hole of {begin - expected} bytes is between" : $"they overlap by {expected - begin} bytes";
        return Error(tensor, $"tensor {Printable.Escape(tensor)} begins at data offset {begin}, but {before}: {what}; "
            + $"no hole and no overlap is expected. Remedy: {Remedy}");
    }

    public CheckpointException Length(ulong tensors, ulong data) => Error(null, tensors > data
        ? $"its tensors need {tensors} bytes of data, but only {data} are there: {tensors - data} bytes are missing. "
            + "Remedy: the file was cut short; fetch it again."
        : $"its tensors need {tensors} bytes of data, but {data} are there: {data - tensors} bytes are too many. Remedy: {Remedy}");

    /// <summary>Recognizes other formats by the first eight bytes of the file, which were read as the header length.</summary>
    private static string RemedyFor(ulong length) => length switch
    {
        0x206E6F6973726576 => "It looks like a git-lfs pointer. Remedy: run `git lfs pull` to fetch the file itself.",
        _ when (uint)length == 0x46554747 =>
            "It looks like a GGUF file (llama.cpp). Remedy: merge the safetensors model that it was converted from.",
        _ when length == 0x0A1A0A0D46444889 => "It looks like an HDF5 file (Keras?). Remedy: convert it to safetensors.",
        _ when (byte)length == (byte)'<' && IsTagStart((byte)(length >> 8)) =>
            "It looks like a web page saved under this name. Remedy: download the file itself.",
        _ when IsTorchSharp(BitConverter.GetBytes(length)) => "It looks like a TorchSharp file. Remedy: name it .dat.",
        _ when IsText(length) => "Its first bytes are text: it does not look like a safetensors file. Remedy: check the path.",
        _ => $"Remedy: {Remedy}",
    };

    private static bool IsTagStart(byte b) => char.IsAsciiLetter((char)b) || b is (byte)'!' or (byte)'?';

    /// <summary>A TorchSharp file begins with LEB128 numbers, the count of entries and the length of a name, and then the name.</summary>
    private static bool IsTorchSharp(byte[] first)
    {
        int position = first[0] < 0x80 ? 1 : 2;
        byte nameLength = first[position];
        return first[0] > 0 && first[position - 1] < 0x80 && nameLength is > 0 and < 0x80
            && first.Skip(position + 1).Take(nameLength).All(b => char.IsAsciiLetterOrDigit((char)b) || b is (byte)'.' or (byte)'_');
    }

    private static bool IsText(ulong length) =>
        BitConverter.GetBytes(length).All(b => b is >= 0x20 and < 0x7F or (byte)'\n' or (byte)'\r' or (byte)'\t');

    private CheckpointException Error(string? tensor, string message, Exception? inner = null) =>
        new(file, tensor, $"{Printable.Escape(file)} is not a valid safetensors file: {message}", inner);
}
