using System.Text;
using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

public class XxHash64Tests
{
    [Theory]
    [InlineData("", 0xef46db3751d8e999)]
    [InlineData("a", 0xd24ec4f1a98c6e5b)]
    [InlineData("abc", 0x44bc2cf5ad770999)]
    [InlineData("Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1)]
    public void Known_texts_have_their_known_hash(string text, ulong hash) => Assert.Equal(hash, XxHash64.Of(Encoding.ASCII.GetBytes(text)));

    /// <summary>The sanity check of the reference implementation.</summary>
    [Theory]
    [InlineData(0, 0xEF46DB3751D8E999)]
    [InlineData(1, 0xE934A84ADB052768)]
    [InlineData(4, 0x9136A0DCA57457EE)]
    [InlineData(14, 0x8282DCC4994E35C8)]
    [InlineData(222, 0xB641AE8CB691C174)]
    public void The_reference_buffer_has_its_known_hash(int length, ulong hash)
    {
        byte[] buffer = new byte[length];
        ulong state = 2654435761;
        for (int i = 0; i < length; i++)
        {
            buffer[i] = (byte)(state >> 56);
            state *= 11400714785074694797;
        }

        Assert.Equal(hash, XxHash64.Of(buffer));
    }

    [Fact]
    public void Any_split_gives_the_hash_of_the_whole() =>
        Prop.ForAll(Gen.Choose(0, 200).SelectMany(length => Gen.Choose(0, length).ArrayOf().Select(cuts => (length, cuts))).ToArbitrary(), sample =>
        {
            byte[] data = new Noise((ulong)sample.length).Bytes(sample.length);
            XxHash64 hash = new();
            int at = 0;
            foreach (int cut in sample.cuts.Order().Append(sample.length))
            {
                hash.Append(data.AsSpan(at..cut));
                _ = hash.Digest();
                at = cut;
            }

            return hash.Digest() == XxHash64.Of(data);
        }).Check(Properties.Config.WithMaxTest(2000));

    [Fact]
    public void Every_length_and_every_single_cut_agree()
    {
        byte[] data = new Noise(7).Bytes(100);
        for (int length = 0; length <= data.Length; length++)
        {
            ulong whole = XxHash64.Of(data.AsSpan(0, length));
            for (int cut = 0; cut <= length; cut++)
            {
                XxHash64 hash = new();
                hash.Append(data.AsSpan(0, cut));
                hash.Append(data.AsSpan(cut..length));
                Assert.Equal(whole, hash.Digest());
            }
        }
    }

    [Fact]
    public void Every_bit_counts()
    {
        byte[] data = new Noise(8).Bytes(100);
        HashSet<ulong> seen = [XxHash64.Of(data)];
        for (int bit = 0; bit < 800; bit++)
        {
            data[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.True(seen.Add(XxHash64.Of(data)));
            data[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }
}
