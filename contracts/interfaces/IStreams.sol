// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IDeposits} from "./IDeposits.sol";
import {Permit} from "./ISeller.sol";

/// @dev What a subscriber orders.
struct TimeOrder {
    uint256 assetId;
    uint256 licence;
    /// Who gets the access, and what is refunded of it.
    address account;
    /// Seconds of access.
    uint32 time;
    /// The most that the buyer will pay for it, fee and royalty included.
    uint256 maxTotal;
    /// The document that the buyer saw (of an item that is not minted, the collection's root); zero for any.
    bytes32 digest;
}

/// @dev Access of an account by the second, as stored: one slot. Price and fee are those of the day it began.
struct Stream {
    uint48 start;
    /// Access lasts until then (seconds since 1970).
    uint48 end;
    /// What was earned up to then was settled, or carried over.
    uint48 settled;
    uint96 price;
    uint16 feeBps;
}

/// @dev What never changes of a licence that is sold by the second, noted at its first sale.
struct StreamTerms {
    /// Payment token; zero for the native coin.
    address token;
    /// The seconds that the price of a stream pays for.
    uint32 amount;
    /// The seconds of the smallest stay, which are not refunded.
    uint24 minimum;
    uint16 royaltyBps;
}

/// @dev An amount, divided: between the treasury, the ancestors and the payout.
struct Parts {
    uint128 fee;
    uint128 royalty;
    uint128 payout;
}

/// @dev A stream, and what it comes to now, in units of its token.
struct Subscription {
    Stream stream;
    StreamTerms terms;
    /// Whether it gives access now.
    bool active;
    /// What was paid for it, less what was refunded.
    uint256 paid;
    /// What of that was earned by now; all of it once it is over.
    uint256 earned;
    /// What a cancellation would refund now.
    uint256 refund;
}

/// @title Streams: access by the second, paid in advance, refunded to the second.
/// @notice Holds what was paid and not earned yet. Each unit has one owner at every second: the subscriber what is to come,
/// and the treasury, the ancestors and the payout what has passed. Nobody but the subscriber ends a stream; a licence that
/// is closed, delisted or paused, another price, or the end of this seller concern new streams only. There is no
/// administrator, no pause and no way to change the code.
/// @dev What is earned by a moment is a function of that moment alone, rounded up, and so is each part of it, rounded down
/// in turn. So neither how often nor in which order it is settled, extended or cancelled matters, and nothing is left over.
interface IStreams is IDeposits {
    /* EVENTS */

    /// @notice A stream began.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Whose access it is.
    /// @param buyer Who paid.
    /// @param end Until when it lasts.
    /// @param price What is paid for the seconds that the licence says, for as long as the stream lasts.
    /// @param feeBps The fee, likewise.
    /// @param total What was paid.
    event Subscribed(
        uint256 indexed assetId,
        uint256 licence,
        address indexed account,
        address indexed buyer,
        uint48 end,
        uint96 price,
        uint16 feeBps,
        uint256 total
    );

    /// @notice A stream lasts longer.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Whose access it is.
    /// @param buyer Who paid.
    /// @param end Until when it lasts now.
    /// @param total What was paid.
    event Extended(
        uint256 indexed assetId,
        uint256 licence,
        address indexed account,
        address indexed buyer,
        uint48 end,
        uint256 total
    );

    /// @notice A subscriber ended a stream.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Whose access it was.
    /// @param end Until when it lasts now.
    /// @param refund What the subscriber was given back.
    event Cancelled(
        uint256 indexed assetId, uint256 licence, address indexed account, uint48 end, uint256 refund
    );

    /// @notice What a stream had earned, and was not settled, stays to be settled while a new one takes its place.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Whose access it was.
    /// @param parts What it had earned.
    event CarriedOver(uint256 indexed assetId, uint256 licence, address indexed account, Parts parts);

    /// @notice What streams earned was paid out or parked.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param token What it is in; zero for the native coin.
    /// @param accounts Whose streams were settled up to now; with them what was carried over.
    /// @param parts What the treasury, the ancestors and the payout are paid.
    event Settled(
        uint256 indexed assetId, uint256 licence, address indexed token, address[] accounts, Parts parts
    );

    /* ERRORS */

    /// @dev The licence is not sold by the second.
    error NotAStream(uint256 assetId, uint256 licence);

    /// @dev A stream lasts for a second or more, and for the smallest stay when it begins.
    error TooLittleTime(uint256 time, uint256 minimum);

    /// @dev A stream of the account lasts until then: extend it.
    error StreamRuns(uint48 end);

    /// @dev There is no stream of the account, or it ended then: subscribe.
    error StreamIsOver(uint48 end);

    /// @dev Nothing of the stream can be refunded: it lasts no longer than the smallest stay.
    error NothingToRefund(uint48 end);

    /// @dev No stream lasts so long, or costs so much.
    error TooMuchTime(uint256 end, uint256 total);

    /* BUYING */

    /// @notice Begin a stream, at the price of now.
    /// @dev Native coin beyond the total returns to the buyer.
    /// @param order What is bought.
    /// @return end Until when it lasts.
    function subscribe(TimeOrder calldata order) external payable returns (uint48 end);

    /// @notice As `subscribe`, approving the payment by signature.
    /// @param order What is bought.
    /// @param permit The approval of this contract.
    /// @return end Until when it lasts.
    function subscribeWithPermit(TimeOrder calldata order, Permit calldata permit)
        external
        returns (uint48 end);

    /// @notice Let a stream that lasts last longer, at its own price. For anybody.
    /// @dev Native coin beyond the total returns to the buyer.
    /// @param order What is bought; a stream is of the document of the day, so no digest is looked at.
    /// @return end Until when it lasts now.
    function extend(TimeOrder calldata order) external payable returns (uint48 end);

    /// @notice As `extend`, approving the payment by signature.
    /// @param order What is bought.
    /// @param permit The approval of this contract.
    /// @return end Until when it lasts now.
    function extendWithPermit(TimeOrder calldata order, Permit calldata permit) external returns (uint48 end);

    /* ENDING AND SETTLING */

    /// @notice End one's own stream now, or after the smallest stay, and get back what is not earned by then.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @return refund What is paid back, or parked if it cannot be paid.
    function cancel(uint256 assetId, uint256 licence) external returns (uint256 refund);

    /// @notice Pay out what streams of a licence have earned by now, and what was carried over. For anybody.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param accounts Whose streams.
    /// @return parts What was paid or parked.
    function settle(uint256 assetId, uint256 licence, address[] calldata accounts)
        external
        returns (Parts memory parts);

    /* VIEWS */

    /// @notice Until when an account has access. The registry asks this.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account The account.
    /// @return end Seconds since 1970; zero if there was no stream.
    function endOf(uint256 assetId, uint256 licence, address account) external view returns (uint48 end);

    /// @notice The stream of an account, and what it comes to now.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account The account.
    /// @return All zero if there was none.
    function subscriptionOf(uint256 assetId, uint256 licence, address account)
        external
        view
        returns (Subscription memory);

    /// @notice What was carried over from streams that were replaced by new ones, and waits to be settled.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @return What the treasury, the ancestors and the payout will be paid.
    function carriedOver(uint256 assetId, uint256 licence) external view returns (Parts memory);

    /// @notice What a new stream costs now.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param time Seconds of access.
    /// @return token Payment token; zero for the native coin.
    /// @return total What is to be paid.
    function quote(uint256 assetId, uint256 licence, uint32 time)
        external
        view
        returns (address token, uint256 total);

    /// @notice What it costs to extend a stream now. Reverts with `StreamIsOver` if there is none that lasts.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Whose stream.
    /// @param time Seconds of access more.
    /// @return token Payment token; zero for the native coin.
    /// @return total What is to be paid.
    function quoteExtension(uint256 assetId, uint256 licence, address account, uint32 time)
        external
        view
        returns (address token, uint256 total);
}
