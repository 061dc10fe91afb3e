using System.Text;
using LayerSwap.Checkpoints;

namespace LayerSwap.Tests.Checkpoints;

/// <summary>NaN and Infinity, which Python writes in JSON, survive reading and writing.</summary>
public sealed class PythonJsonTests
{
    [Fact]
    public void NaN_and_Infinity_round_trip_and_strings_are_unchanged()
    {
        const string json = """{"limit": [0.0, Infinity, -Infinity], "x": NaN, "text": "NaN \" Infinity", "n": 1}""";
        string written = Encoding.UTF8.GetString(PythonJson.Write(PythonJson.Parse(Encoding.UTF8.GetBytes(json))!));
        Assert.Equal(
            """{"limit":[0.0,Infinity,-Infinity],"x":NaN,"text":"NaN \" Infinity","n":1}""",
            written.Replace("\n", "", StringComparison.Ordinal).Replace("  ", "", StringComparison.Ordinal)
                .Replace("\": ", "\":", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"a": Infinit}""")]
    [InlineData("""{"a": NaNa}""")]
    [InlineData("""{NaN: 1, }""")]
    public void Other_bare_words_are_rejected(string json) =>
        Assert.ThrowsAny<System.Text.Json.JsonException>(() => PythonJson.Parse(Encoding.UTF8.GetBytes(json)));
}
