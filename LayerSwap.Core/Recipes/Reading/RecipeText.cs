using System.Text;

namespace LayerSwap.Recipes;

/// <summary>The bytes of a recipe as text.</summary>
internal static class RecipeText
{
    public const long Longest = 16_000_000;

    /// <exception cref="RecipeException">It is not UTF-8.</exception>
    public static string Decode(byte[] bytes, string file)
    {
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new RecipeException([$"{Printable.Escape(file)} is not valid UTF-8 text; a YAML recipe is expected."], e);
        }
    }
}
