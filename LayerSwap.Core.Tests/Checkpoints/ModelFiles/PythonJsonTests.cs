using System.Text;
using LayerSwap.Checkpoints;

namespace LayerSwap.Tests.Checkpoints;

/// <summary>Words that Python writes and JSON does not know survive reading and writing.</summary>
public sealed class PythonJsonTests
{
    [Fact]
    public void Bare_words_come_back_as_they_were_and_texts_are_left_alone()
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
    public void What_is_not_one_of_the_words_is_refused(string json) =>
        Assert.ThrowsAny<System.Text.Json.JsonException>(() => PythonJson.Parse(Encoding.UTF8.GetBytes(json)));
}
