namespace LayerSwap.Merging;

/// <summary>The element of a rank in linear time (Hoare, 1961).</summary>
internal static class QuickSelect
{
    /// <param name="items">Reordered.</param>
    /// <param name="rank">From 0.</param>
    /// <param name="order">What comes first; a structure, so that the comparison is compiled into the loop.</param>
    public static T At<T, TOrder>(Span<T> items, int rank, TOrder order)
        where TOrder : struct, IComparer<T>
    {
        int first = 0, last = items.Length - 1;
        while (first < last)
        {
            T pivot = items[first + ((last - first) / 2)];
            int i = first, j = last;
            while (i <= j)
            {
                while (order.Compare(items[i], pivot) < 0)
                {
                    i++;
                }

                while (order.Compare(pivot, items[j]) < 0)
                {
                    j--;
                }

                if (i <= j)
                {
                    (items[i], items[j]) = (items[j], items[i]);
                    i++;
                    j--;
                }
            }

            if (rank <= j)
            {
                last = j;
            }
            else if (rank >= i)
            {
                first = i;
            }
            else
            {
                break;
            }
        }

        return items[rank];
    }

    /// <summary>Smaller keys first.</summary>
    public readonly struct Ascending : IComparer<ulong>
    {
        public int Compare(ulong x, ulong y) => x < y ? -1 : x > y ? 1 : 0;
    }
}
