using System.Runtime.InteropServices;
using System.Text;

namespace LayerSwap.Cli;

/// <summary>
/// Makes the standard streams safe to write to. If the tool is started with closed streams, the next file opened gets their number and
/// would receive the output. Diagnostics never end a merge, even if standard error is closed, full or broken.
/// </summary>
internal static partial class StandardStreams
{
    private const int GetFlags = 1, ReadWrite = 2, Output = 1, Error = 2;

    /// <summary>Whether standard output is open.</summary>
    public static bool HasOutput { get; private set; } = true;

    public static void Secure()
    {
        bool error = true;
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            (HasOutput, error) = (IsInherited(Output), IsInherited(Error));
            int filler;
            do
            {
                // Opening takes the lowest free number, until the numbers of all standard streams are taken.
                filler = Open("/dev/null", ReadWrite);
            }
            while (filler is >= 0 and <= Error);
            if (filler > Error)
            {
                _ = Close(filler);
            }
        }

        if (!HasOutput)
        {
            Console.SetOut(TextWriter.Null);
        }

        Console.SetError(error ? new UnfailingWriter(Console.Error) : TextWriter.Null);
    }

    /// <summary>Whether a stream was open when the process started. Only files opened by the runtime have the close-on-exec flag.</summary>
    private static bool IsInherited(int stream) => Control(stream, GetFlags) == 0;

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    /// <summary>Writes until the first I/O error, and then nothing.</summary>
    private sealed class UnfailingWriter(TextWriter inner) : TextWriter
    {
        private bool _broken;

        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(() => inner.Write(value));

        public override void Write(string? value) => Try(() => inner.Write(value));

        public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

        public override void Flush() => Try(inner.Flush);

        private void Try(Action write)
        {
            if (_broken)
            {
                return;
            }

            try
            {
                write();
            }
            catch (IOException)
            {
                _broken = true;
            }
        }
    }
}
