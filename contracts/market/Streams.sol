// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IAssetRegistry} from "../interfaces/IAssetRegistry.sol";
import {ILicences, Issue, Licence, LicenceKind, Offer} from "../interfaces/ILicences.sol";
import {Permit} from "../interfaces/ISeller.sol";
import {IStreams, Parts, Stream, StreamTerms, Subscription, TimeOrder} from "../interfaces/IStreams.sol";
import {ItemId} from "../libraries/ItemId.sol";
import {PermitLib} from "../libraries/PermitLib.sol";
import {SlotLib} from "../libraries/SlotLib.sol";
import {StreamLib} from "../libraries/StreamLib.sol";
import {Deposits} from "./Deposits.sol";

/// @title Streams: sells access by the second.
/// @dev The registry is asked for what is new and for who is paid. What was sold stands in one slot a subscriber.
contract Streams is Deposits, IStreams {
    using PermitLib for Permit;
    using SlotLib for Stream;

    /// What a stream can cost in all.
    uint256 private constant LIMIT = type(uint120).max;

    /// The registry whose licences are sold here.
    IAssetRegistry public immutable registry;

    /// @dev Those of an item of a collection are the collection's.
    mapping(uint256 assetId => mapping(uint256 licence => StreamTerms)) private _terms;
    mapping(uint256 assetId => mapping(uint256 licence => mapping(address account => Stream))) private
        _streams;
    mapping(uint256 assetId => mapping(uint256 licence => Parts)) private _carried;

    constructor(IAssetRegistry registry_) {
        registry = registry_;
    }

    /* BUYING */

    /// @inheritdoc IStreams
    function subscribe(TimeOrder calldata order) external payable returns (uint48 end) {
        return _subscribe(order);
    }

    /// @inheritdoc IStreams
    function subscribeWithPermit(TimeOrder calldata order, Permit calldata permit)
        external
        returns (uint48 end)
    {
        permit.use();
        return _subscribe(order);
    }

    /// @inheritdoc IStreams
    function extend(TimeOrder calldata order) external payable returns (uint48 end) {
        return _extend(order);
    }

    /// @inheritdoc IStreams
    function extendWithPermit(TimeOrder calldata order, Permit calldata permit)
        external
        returns (uint48 end)
    {
        permit.use();
        return _extend(order);
    }

    /* ENDING AND SETTLING */

    /// @inheritdoc IStreams
    function cancel(uint256 assetId, uint256 licence) external nonReentrant returns (uint256 refund) {
        Stream storage stored = _streams[assetId][licence][msg.sender];
        Stream memory stream = stored;
        _checkLasts(stream);
        StreamTerms memory terms = _termsOf(assetId, licence);
        uint48 end = _earliestEnd(stream, terms);
        if (end >= stream.end) revert NothingToRefund(stream.end);
        refund = _owed(stream, terms, stream.end) - _owed(stream, terms, end);
        stream.end = end;
        stored.write(stream);
        emit Cancelled(assetId, licence, msg.sender, end, refund);
        _payOrPark(terms.token, msg.sender, refund);
    }

    /// @inheritdoc IStreams
    function settle(uint256 assetId, uint256 licence, address[] calldata accounts)
        external
        nonReentrant
        returns (Parts memory parts)
    {
        StreamTerms memory terms = _termsOf(assetId, licence);
        parts = _carried[assetId][licence];
        delete _carried[assetId][licence];
        for (uint256 i = 0; i < accounts.length; ++i) {
            Stream storage stored = _streams[assetId][licence][accounts[i]];
            Stream memory stream = stored;
            if (stream.settled >= _now(stream)) continue;
            _add(parts, _unsettled(stream, terms));
            stored.settled = _now(stream);
        }
        (address treasury,,) = registry.salesRules();
        address payout = registry.payoutOf(assetId);
        Parts memory left;
        // Nothing that this contract sends itself could be taken out again: it waits until another receiver is named.
        if (treasury == address(this)) (left.fee, parts.fee) = (parts.fee, 0);
        if (payout == address(this)) (left.payout, parts.payout) = (parts.payout, 0);
        if (left.fee + left.payout != 0) _carried[assetId][licence] = left;
        emit Settled(assetId, licence, terms.token, accounts, parts);
        if (parts.royalty != 0) {
            (address receiver,) = IERC2981(address(registry)).royaltyInfo(assetId, 0);
            _payOrPark(terms.token, receiver, parts.royalty);
        }
        _payOrPark(terms.token, treasury, parts.fee);
        _payOrPark(terms.token, payout, parts.payout);
    }

    /* VIEWS */

    /// @inheritdoc IStreams
    function endOf(uint256 assetId, uint256 licence, address account) external view returns (uint48 end) {
        return _streams[assetId][licence][account].end;
    }

    /// @inheritdoc IStreams
    function subscriptionOf(uint256 assetId, uint256 licence, address account)
        external
        view
        returns (Subscription memory found)
    {
        Stream memory stream = _streams[assetId][licence][account];
        StreamTerms memory terms = _termsOf(assetId, licence);
        (found.stream, found.terms) = (stream, terms);
        if (stream.end == 0) return found;
        found.active = stream.end > block.timestamp;
        found.paid = _owed(stream, terms, stream.end);
        found.earned = _owed(stream, terms, _now(stream));
        uint48 end = _earliestEnd(stream, terms);
        if (end < stream.end) found.refund = found.paid - _owed(stream, terms, end);
    }

    /// @inheritdoc IStreams
    function carriedOver(uint256 assetId, uint256 licence) external view returns (Parts memory) {
        return _carried[assetId][licence];
    }

    /// @inheritdoc IStreams
    function quote(uint256 assetId, uint256 licence, uint32 time)
        external
        view
        returns (address token, uint256 total)
    {
        Licence memory found = registry.licenceOf(assetId, licence);
        if (found.kind != LicenceKind.Stream) revert NotAStream(assetId, licence);
        return
            (
                registry.paymentTokens()[found.paymentToken].token,
                StreamLib.owed(found.price, found.amount, time)
            );
    }

    /// @inheritdoc IStreams
    function quoteExtension(uint256 assetId, uint256 licence, address account, uint32 time)
        external
        view
        returns (address token, uint256 total)
    {
        Stream memory stream = _streams[assetId][licence][account];
        _checkLasts(stream);
        StreamTerms memory terms = _termsOf(assetId, licence);
        return (terms.token, _extension(stream, terms, time));
    }

    /* INTERNAL */

    function _subscribe(TimeOrder calldata order) private nonReentrant returns (uint48 end) {
        (uint256 assetId, uint256 licence, address account) = (order.assetId, order.licence, order.account);
        if (account == address(0)) revert ILicences.InvalidAccount(account);
        Stream storage stored = _streams[assetId][licence][account];
        Stream memory last = stored;
        if (last.end > block.timestamp) revert StreamRuns(last.end);
        StreamTerms memory terms = _noteTerms(assetId, licence);
        if (order.time < terms.minimum) revert TooLittleTime(order.time, terms.minimum);
        Offer memory offer = registry.sell(
            Issue({
                assetId: assetId,
                licence: licence,
                account: account,
                units: order.time,
                asTokens: false,
                buyer: msg.sender,
                digest: order.digest
            })
        );
        if (last.settled < last.end) {
            Parts memory parts = _unsettled(last, terms);
            emit CarriedOver(assetId, licence, account, parts);
            _add(parts, _carried[assetId][licence]);
            _carried[assetId][licence] = parts;
        }
        uint48 start = uint48(block.timestamp);
        Stream memory stream = Stream(start, start, start, uint96(offer.price), uint16(offer.feeBps));
        uint256 total = _prolong(stream, terms, order);
        end = stream.end;
        stored.write(stream);
        emit Subscribed(assetId, licence, account, msg.sender, end, stream.price, stream.feeBps, total);
        _take(terms.token, total);
    }

    function _extend(TimeOrder calldata order) private nonReentrant returns (uint48 end) {
        Stream storage stored = _streams[order.assetId][order.licence][order.account];
        Stream memory stream = stored;
        _checkLasts(stream);
        StreamTerms memory terms = _termsOf(order.assetId, order.licence);
        uint256 total = _prolong(stream, terms, order);
        end = stream.end;
        stored.write(stream);
        emit Extended(order.assetId, order.licence, order.account, msg.sender, end, total);
        _take(terms.token, total);
    }

    function _checkLasts(Stream memory stream) private view {
        if (stream.end <= block.timestamp) revert StreamIsOver(stream.end);
    }

    /// @dev Changes the stream in memory.
    function _prolong(Stream memory stream, StreamTerms memory terms, TimeOrder calldata order)
        private
        pure
        returns (uint256 total)
    {
        if (order.time == 0) revert TooLittleTime(0, 1);
        total = _extension(stream, terms, order.time);
        if (total > order.maxTotal) revert TotalAboveMaximum(total, order.maxTotal);
        stream.end += order.time;
    }

    function _extension(Stream memory stream, StreamTerms memory terms, uint256 time)
        private
        pure
        returns (uint256 total)
    {
        uint256 end = stream.end + time;
        uint256 whole = _owed(stream, terms, end);
        if (end > type(uint48).max || whole > LIMIT) revert TooMuchTime(end, whole);
        return whole - _owed(stream, terms, stream.end);
    }

    /// @dev The terms of a licence, which are asked for once: they never change.
    function _noteTerms(uint256 assetId, uint256 licence) private returns (StreamTerms memory terms) {
        terms = _termsOf(assetId, licence);
        if (terms.amount != 0) return terms;
        Licence memory found = registry.licenceOf(assetId, licence);
        if (found.kind != LicenceKind.Stream) revert NotAStream(assetId, licence);
        terms = StreamTerms({
            token: registry.paymentTokens()[found.paymentToken].token,
            amount: found.amount,
            minimum: found.minimum,
            royaltyBps: registry.assetInfo(assetId).royaltyBps
        });
        _terms[ItemId.termsOf(assetId)][licence] = terms;
    }

    /// @dev What a stream earned since it was last settled, by now.
    function _unsettled(Stream memory stream, StreamTerms memory terms)
        private
        view
        returns (Parts memory parts)
    {
        parts = _divided(stream, terms, _now(stream));
        Parts memory before = _divided(stream, terms, stream.settled);
        unchecked {
            // Each part only ever grows.
            parts.fee -= before.fee;
            parts.royalty -= before.royalty;
            parts.payout -= before.payout;
        }
    }

    function _divided(Stream memory stream, StreamTerms memory terms, uint256 until)
        private
        pure
        returns (Parts memory)
    {
        return StreamLib.divide(_owed(stream, terms, until), stream.feeBps, terms.royaltyBps);
    }

    /// @dev What a stream costs, or has earned, from its start until then.
    function _owed(Stream memory stream, StreamTerms memory terms, uint256 until)
        private
        pure
        returns (uint256)
    {
        return StreamLib.owed(stream.price, terms.amount, until - stream.start);
    }

    function _add(Parts memory sum, Parts memory parts) private pure {
        sum.fee += parts.fee;
        sum.royalty += parts.royalty;
        sum.payout += parts.payout;
    }

    /// @dev Up to when a stream has earned by now.
    function _now(Stream memory stream) private view returns (uint48) {
        return stream.end < block.timestamp ? stream.end : uint48(block.timestamp);
    }

    /// @dev When a stream that is cancelled now ends: not before the smallest stay.
    function _earliestEnd(Stream memory stream, StreamTerms memory terms) private view returns (uint48) {
        uint48 stay = stream.start + terms.minimum;
        return stay > block.timestamp ? stay : uint48(block.timestamp);
    }

    function _termsOf(uint256 assetId, uint256 licence) private view returns (StreamTerms memory) {
        return _terms[ItemId.termsOf(assetId)][licence];
    }
}
