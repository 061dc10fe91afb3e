using System.Runtime.InteropServices;
using System.Text;

namespace LayerSwap.Cli;

/// <summary>
/// Makes the standard streams safe to write to. Whoever starts the tool may have closed them; then the next file that is opened gets their number, and what is printed would go into it. Diagnostics
/// never end a merge, whether standard error is closed, full or broken.
/// </summary>
internal static partial class StandardStreams
{
    private const int GetFlags = 1, ReadWrite = 2, Output = 1, Error = 2;

    /// <summary>Whether there is a standard output.</summary>
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
                // The lowest free number: numbers of standard streams are taken, so that no file gets them.
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

    /// <summary>Whether a stream was open when the process began. Files that the runtime opened itself have the close-on-exec flag, which nothing inherited has.</summary>
    private static bool IsInherited(int stream) => Control(stream, GetFlags) == 0;

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    /// <summary>Writes while that is possible, and then nothing any more.</summary>
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
                // There is nowhere to say so.
                _broken = true;
            }
        }
    }
}
